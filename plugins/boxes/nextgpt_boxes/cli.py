"""`nextgpt boxes …`: draw boxes over their picture; train and measure the finder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_boxes.train.cli import measure, train

app = typer.Typer(help="Draw boxes over their picture; train and measure what finds them.")
app.command()(train)
app.command()(measure)


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
