"""`nextgpt retrieval …`: index a folder, search it, and what the plugin itself is made of."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nextgpt_retrieval.indexing import Indexed
    from nextgpt_retrieval.text import CaptionEncoder

app = typer.Typer(help="Index media of your own, so that systems answer with them; search them.")
WEIGHTS = Path(__file__).parent / "weights" / "text.safetensors"

LibraryArgument = Annotated[Path, typer.Argument(help="What `index` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.command()
def index(
    folder: Annotated[Path, typer.Argument(help="Of media, with all folders in it.")],
    out: Annotated[Path, typer.Option(help="The library; an earlier one is brought up to date.")],
    captions: Annotated[
        Path | None,
        typer.Option(help="JSONL or CSV with `file` and `caption`; before sidecars and names."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if any file was refused.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Index every file that an installed plugin reads, under its caption."""
    from nextgpt_registry.catalog import Catalog
    from nextgpt_registry.fetch.cache import sha256_of
    from nextgpt_registry.outputs import check_folder
    from nextgpt_retrieval.captions import read_captions
    from nextgpt_retrieval.indexing import Source
    from nextgpt_retrieval.indexing import index as build  # torch: only when run

    check_folder(out)
    told = read_captions(captions) if captions else {}
    source = Source(folder.expanduser().absolute(), told, Catalog.discover())
    with _bar(f"index {folder.name}") as on_file:
        done = build(
            source,
            out.expanduser().absolute(),
            _encoder(),
            sha256_of(WEIGHTS),
            on_file=on_file,
        )
    _tell(done, as_json=as_json)
    if strict and done.refused:
        raise typer.Exit(1)


@app.command()
def search(
    library: LibraryArgument,
    words: Annotated[str, typer.Argument(help="What is looked for.")],
    top: Annotated[int, typer.Option(min=1, help="How many of each modality.")] = 5,
    as_json: Json = False,
) -> None:
    """The nearest items, as a decoder with this query would find them."""
    from nextgpt_registry.fetch.cache import sha256_of
    from nextgpt_retrieval.indexing import embed  # torch: only when run
    from nextgpt_retrieval.library import Library

    opened = Library.open(library.expanduser().absolute())
    opened.needs(sha256_of(WEIGHTS))
    query = embed(_encoder(), words)
    found = [one for m in opened.by_modality for one in opened.search(query, m, top=top)]
    found.sort(key=lambda one: -one.score)
    if as_json:
        rows = [{"score": one.score, **one.item.model_dump(mode="json")} for one in found]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for one in found:
        typer.echo(f"{one.score:5.2f}  {one.item.modality:6} {one.item.path}  ({one.item.caption})")


@app.command()
def show(library: LibraryArgument, as_json: Json = False) -> None:
    """What is in a library."""
    from nextgpt_retrieval.library import Library

    opened = Library.open(library.expanduser().absolute())
    if as_json:
        rows = [item.model_dump(mode="json") for item in opened.items]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for item in opened.items:
        typer.echo(f"{item.modality:6} {item.path}  ({item.caption})")


@app.command()
def samples(
    folder: Annotated[Path, typer.Argument(help="Where the pictures are written.")],
    library: Annotated[
        str, typer.Option(help="A file of the art, or `samples`; default: as it ships.")
    ] = "",
) -> None:
    """Pictures of the small world with captions: a folder to index. Needs the extra `train`."""
    from nextgpt_registry.outputs import check_folder
    from nextgpt_retrieval.train.samples import CAPTIONS, write_samples  # the world: only when run

    check_folder(folder, option="FOLDER")
    count = write_samples(folder.expanduser().absolute(), library)
    typer.echo(f"{count} pictures; index them with --captions {folder / CAPTIONS}")


@app.command()
def train(
    steps: Annotated[int, typer.Option(min=1, help="Of the caption encoder.")] = 600,
    folder: Annotated[Path | None, typer.Option(help="Of the run; default: in the cache.")] = None,
    weights: Annotated[Path, typer.Option(help="What is written.")] = WEIGHTS,
) -> None:
    """Train the caption encoder, or go on where a killed run stopped. Needs the extra `train`."""
    from nextgpt_registry.fetch.cache import cache_dir
    from nextgpt_retrieval.train.measure import measure
    from nextgpt_retrieval.train.text import train_text  # torch and the world: only when run

    home = folder or cache_dir() / "runs" / "retrieval" / "text"
    typer.echo(json.dumps(measure(train_text(home, weights, steps=steps))))


@app.command()
def measure() -> None:
    """Recall at 1 and 5 of the shipped encoder, alone. Needs the extra `train`."""
    from nextgpt_retrieval.train.measure import measure as of  # the world: only when run

    typer.echo(json.dumps(of(_encoder())))


def _encoder() -> CaptionEncoder:
    from nextgpt_retrieval.text import CaptionEncoder  # torch: only when a command runs

    encoder = CaptionEncoder()
    encoder.load(WEIGHTS)
    return encoder.eval()


def _tell(done: Indexed, *, as_json: bool) -> None:
    kinds = {kind: len(items) for kind, items in done.library.by_modality.items()}
    if as_json:
        told = {"library": str(done.library.folder), "items": kinds, "read": done.read}
        typer.echo(json.dumps({**told, "kept": done.kept, "refused": done.refused}, indent=1))
        return
    for name, why in done.refused.items():
        typer.echo(f"left out {name}: {why}", err=True)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    typer.echo(f"{done.library.folder}: {listed}; {done.read} read, {done.kept} unchanged")


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error; a line now and then where that is no terminal."""
    from nextgpt_registry.fetch.progress import Lines

    if not sys.stderr.isatty():
        lines = Lines(label)
        yield lambda done, total: lines.tell(f"{done} of {total}")
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as drawn:
        task = drawn.add_task(label, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
