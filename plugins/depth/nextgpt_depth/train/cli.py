"""`nextgpt depth …`: train the parts that the plugin ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_depth.train.steps import STEPS
from nextgpt_world.options import Examples, Folder, LibraryName, Steps

app = typer.Typer(help="Train the depth plugin's own parts; measure what a system makes.")


@app.callback()
def depth() -> None:
    """Commands of the depth plugin."""


@app.command()
def train(
    part: Annotated[str, typer.Argument(help=f"One of: {', '.join(STEPS)}.")],
    steps: Steps = None,
    folder: Folder = None,
    examples: Examples = None,
    library: LibraryName = "",
) -> None:
    """Train one part, or go on where a killed run stopped."""
    from nextgpt_depth.train.parts import train_part  # torch: only when run
    from nextgpt_world.library import find_library

    art = find_library(library)
    typer.echo(train_part(part, art, steps=steps, folder=folder, examples=examples))


@app.command()
def errors(
    folder: Annotated[Path, typer.Argument(help="Of `nextgpt eval … --suite depth --out FOLDER`.")],
    library: Annotated[
        str, typer.Option(help="The one that the suite was asked with; default: as it ships.")
    ] = "",
) -> None:
    """How far the distances of an evaluation's depth maps are off: AbsRel and delta1."""
    from nextgpt_depth.train.measure import table  # numpy and codecs: only when run

    typer.echo(table(folder, library=library))
