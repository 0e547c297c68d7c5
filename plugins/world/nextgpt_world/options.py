"""Options of the commands that train: `--steps`, `--folder`, `--examples`, `--library`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Steps = Annotated[int | None, typer.Option("--steps", help="Instead of its own number.")]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="Of runs and weights; default: the cache, and this package."),
]
Examples = Annotated[
    int | None, typer.Option("--examples", help="How many are rendered, if fewer will do.")
]
LibraryName = Annotated[
    str, typer.Option("--library", help="Another file of art, or `samples`; default: as it ships.")
]
