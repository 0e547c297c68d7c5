"""`nextgpt mini …`: train the parts that mini ships, and fill its model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextgpt_mini.train.steps import STEPS
from nextgpt_world.options import Examples, Folder, LibraryName, Steps

app = typer.Typer(help="Train the parts of the embedded default; fill its model card.")


@app.command()
def train(
    part: Annotated[str, typer.Argument(help=f"One of: {', '.join(STEPS)}.")],
    steps: Steps = None,
    folder: Folder = None,
    examples: Examples = None,
    library: LibraryName = "",
) -> None:
    """Train one part, or go on where a killed run stopped."""
    from nextgpt_mini.train.parts import train_part  # torch: only when run
    from nextgpt_world.library import find_library

    art = find_library(library)
    typer.echo(train_part(part, art, steps=steps, folder=folder, examples=examples))


@app.command()
def inversions(
    count: Annotated[int, typer.Option(help="How many held-out sounds.")] = 148,
    library: LibraryName = "",
) -> None:
    """Measure both ways from a spectrogram back to sound: Griffin-Lim and the vocoder."""
    from nextgpt_mini.train.parts import measure_vocoder  # torch: only when run
    from nextgpt_world.library import find_library

    typer.echo(measure_vocoder(find_library(library), count))


@app.command()
def recipe(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Settings of all stages of the language model."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="This step alone, whatever it needs; repeats.")
    ] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Train nothing; gather what the runs came to.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="The same path, two steps of each, in this process.")
    ] = False,
    runs: Annotated[
        Path | None, typer.Option(help="Where the runs are; default: the cache.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Table, logs, configs and locks.")] = Path("recipe"),
) -> None:
    """Everything from nothing to the shipped weights, or what is left of it."""
    from nextgpt_mini.train.recipe.command import run
    from nextgpt_registry.outputs import check_folder

    check_folder(out)
    run(overrides or [], only=only or [], collect=collect, smoke=smoke, runs=runs, out=out)


@app.command()
def front(
    talk: Annotated[Path, typer.Argument(help="A folder that `/save` in `nextgpt chat` wrote.")],
    out: Annotated[Path, typer.Option(help="The picture.")] = Path("front.webp"),
) -> None:
    """Draw what a saved conversation made: one picture that moves."""
    from nextgpt_mini.train.card.front import write_front  # Pillow: only when run
    from nextgpt_registry.catalog import Catalog

    typer.echo(write_front(talk, out, Catalog.discover()))


@app.command()
def card(
    evaluations: Annotated[
        list[Path], typer.Argument(help="Folders of `nextgpt eval mini --out`, one of each suite.")
    ],
    out: Annotated[Path, typer.Option(help="Where the model card is.")] = Path("docs/mini"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say which figures do not agree.")
    ] = False,
) -> None:
    """Fill the model card's tables and make the gallery, or hold fresh figures to the card."""
    from nextgpt_mini.train.card import command  # codecs: only when run
    from nextgpt_registry.outputs import check_folder

    if not check:
        check_folder(out)
        for path in command.write(evaluations, out):
            typer.echo(path)
        return
    for line in (wrong := command.check(evaluations, out)):
        typer.echo(line)
    if wrong:
        raise typer.Exit(1)
    typer.echo("every figure agrees with the card")
