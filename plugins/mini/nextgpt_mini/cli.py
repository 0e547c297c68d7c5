"""`nextgpt mini …`: prepare the data and train the parts and judges that mini ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_mini.world.split import Kind

app = typer.Typer(help="Prepare the data of the embedded default; train its own parts and judges.")


@app.command()
def prepare() -> None:
    """Fetch pictures and sounds once and pack them into one file."""
    from nextgpt_mini.world.prepare import prepare as build  # numpy and codecs: only when run

    typer.echo(build())


@app.command()
def train(
    part: Annotated[
        str, typer.Argument(help="text, {picture,sound}-latents, vocoder, picture, clip or sound.")
    ],
    steps: Annotated[int | None, typer.Option(help="Instead of the part's own number.")] = None,
) -> None:
    """Train one part, or go on where a killed run stopped."""
    from nextgpt_mini.train.parts import train_part  # torch: only when run
    from nextgpt_mini.world.library import Library
    from nextgpt_mini.world.prepare import library_path

    typer.echo(train_part(part, Library.load(library_path()), steps=steps))


@app.command()
def inversions(
    count: Annotated[int, typer.Option(help="How many held-out sounds.")] = 148,
) -> None:
    """Measure both ways from a spectrogram back to sound: Griffin-Lim and the vocoder."""
    from nextgpt_mini.train.parts import measure_vocoder  # torch: only when run
    from nextgpt_mini.world.library import Library
    from nextgpt_mini.world.prepare import library_path

    typer.echo(measure_vocoder(Library.load(library_path()), count))


@app.command()
def judge(kind: Annotated[Kind, typer.Argument(help="What it judges.")]) -> None:
    """Train one judge, or go on where a killed run stopped; prints its ceiling."""
    from nextgpt_mini.judge.train import train_judge  # torch: only when run
    from nextgpt_mini.world.library import Library
    from nextgpt_mini.world.prepare import library_path

    typer.echo(train_judge(kind, Library.load(library_path())))


@app.command()
def distil(
    model: Annotated[Path, typer.Argument(help="The folder of the language model.")],
) -> None:
    """Write the plain chat that training keeps: the model's own answers to everyday prompts."""
    from nextgpt_mini.train.distil import distil as write  # torch: only when run

    typer.echo(write(model))
