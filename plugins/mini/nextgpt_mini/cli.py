"""`nextgpt mini …`: prepare the data and train the parts that mini ships."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Prepare the data of the embedded default and train its own parts.")


@app.command()
def prepare() -> None:
    """Fetch pictures and sounds once and pack them into one file."""
    from nextgpt_mini.world.prepare import prepare as build  # numpy and codecs: only when run

    typer.echo(build())


@app.command()
def train(
    part: Annotated[str, typer.Argument(help="text, picture-autoencoder, picture, clip, …")],
    steps: Annotated[int | None, typer.Option(help="Instead of the part's own number.")] = None,
) -> None:
    """Train one part, or go on where a killed run stopped."""
    from nextgpt_mini.train.parts import train_part  # torch: only when run
    from nextgpt_mini.world.library import Library
    from nextgpt_mini.world.prepare import library_path

    typer.echo(train_part(part, Library.load(library_path()), steps=steps))
