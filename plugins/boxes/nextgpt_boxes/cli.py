"""`nextgpt boxes …`: draw boxes over their picture; train and measure the finder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nextgpt_mini.world.library import Library

app = typer.Typer(help="Draw boxes over their picture; train and measure what finds them.")

LibraryOption = Annotated[
    str,
    typer.Option("--library", help="Mini's art: a file, or `samples`; default: as it ships."),
]


@app.command()
def draw(
    file: Annotated[Path, typer.Argument(help="Boxes, as `nextgpt run` writes them.")],
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("overlay.png"),
    picture: Annotated[
        Path | None, typer.Option(help="The picture itself; default: the small copy in the file.")
    ] = None,
) -> None:
    """Write a picture with its boxes on it."""
    from nextgpt_boxes.drawn import draw_file  # numpy and codecs: only when run
    from nextgpt_registry.outputs import check_file

    check_file(out)
    typer.echo(draw_file(file, out, picture=picture))


@app.command()
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

    typer.echo(train_finder(_library(library), steps=steps, pictures=pictures, folder=folder))


@app.command()
def measure(
    count: Annotated[int, typer.Option(help="How many pictures.")] = 400,
    sheet: Annotated[Path | None, typer.Option(help="Also write a PNG of the first.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Default: those that ship.")] = None,
    library: LibraryOption = "",
) -> None:
    """Say how often the finder is right about held-out pictures, driven by captions."""
    from nextgpt_boxes.train.measure import measure as measured  # torch: only when run

    for kind, share in measured(_library(library), count, sheet=sheet, weights=weights).items():
        typer.echo(f"{kind:12} {share:.1%}")


def _library(name: str) -> Library:
    try:
        from nextgpt_mini.world.prepare import find_library
    except ImportError as error:
        raise typer.BadParameter(
            f"the pictures are those of nextgpt-mini: pip install 'nextgpt-boxes[train]' ({error})"
        ) from error
    return find_library(name)
