"""A progress bar on standard error, silent when nobody watches. Does not know what is counted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int | None], None]
"""Called as `report(done_bytes, total_bytes or None)`, any number of times."""


def silent(done: int, total: int | None) -> None:
    """Report to nobody."""


@contextmanager
def bar(label: str) -> Iterator[Report]:
    """A `Report` that draws a bar while the block runs, or `silent` where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield silent
        return

    # Lazy: rich costs 50 ms, and planning a cached system never draws a bar.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as drawn:
        task = drawn.add_task(label, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
