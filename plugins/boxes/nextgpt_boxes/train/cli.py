"""Commands that take place in the world: `nextgpt boxes train`, `nextgpt boxes measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LibraryOption = Annotated[
    str,
    typer.Option("--library", help="The art: a file, or `samples`; default: as it ships."),
]


def train(
    steps: Annotated[int | None, typer.Option(help="Instead of its own number.")] = None,
    pictures: Annotated[int | None, typer.Option(help="How many, if fewer will do.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Of the run and the weights; default: cache and package.")
    ] = None,
    library: LibraryOption = "",
) -> None:
    """Train the finder, or go on where a killed run stopped; prints the file of its weights."""
    from nextgpt_boxes.train.finder import train_finder  # torch: only when run
    from nextgpt_world.library import find_library

    art = find_library(library)
    typer.echo(train_finder(art, steps=steps, pictures=pictures, folder=folder))


def measure(
    count: Annotated[int, typer.Option(help="How many pictures.")] = 400,
    sheet: Annotated[Path | None, typer.Option(help="Also write a PNG of the first.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Default: those that ship.")] = None,
    library: LibraryOption = "",
) -> None:
    """Say how often the finder is right about held-out pictures, driven by captions."""
    from nextgpt_boxes.train.measure import measure as measured  # torch: only when run
    from nextgpt_world.library import find_library

    for kind, share in measured(find_library(library), count, sheet=sheet, weights=weights).items():
        typer.echo(f"{kind:12} {share:.1%}")
