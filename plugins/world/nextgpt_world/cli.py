"""`nextgpt world …`: make the library, the chat and the judges that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_world.options import Examples, Folder, LibraryName, Steps
from nextgpt_world.split import Kind

app = typer.Typer(help="Make the library, the chat and the judges of the small world anew.")


@app.command()
def prepare(
    out: Annotated[
        Path | None, typer.Option(help="Default: in this package, which ships with it.")
    ] = None,
) -> None:
    """Make the library of pictures and sounds anew, from the packages that they come from."""
    from nextgpt_world.library import LIBRARY  # numpy and codecs: only when run
    from nextgpt_world.prepare import prepare as build

    typer.echo(build(out or LIBRARY))


@app.command()
def judge(
    kind: Annotated[Kind, typer.Argument(help="What it judges.")],
    steps: Steps = None,
    folder: Folder = None,
    examples: Examples = None,
    library: LibraryName = "",
) -> None:
    """Train one judge, or go on where a killed run stopped; prints its ceiling."""
    from nextgpt_world.judge.media import WEIGHTS
    from nextgpt_world.library import find_library
    from nextgpt_world.train.judges import train_judge  # torch: only when run

    ceiling = train_judge(
        kind,
        find_library(library),
        steps=steps,
        folder=folder / "judges" if folder else WEIGHTS,
        home=folder,
        examples=examples,
    )
    typer.echo(ceiling)


@app.command()
def distil(
    model: Annotated[Path, typer.Argument(help="The folder of the language model.")],
) -> None:
    """Write the plain chat that training keeps: the model's own answers to everyday prompts."""
    from nextgpt_world.train.distil import distil as write  # torch: only when run

    typer.echo(write(model))
