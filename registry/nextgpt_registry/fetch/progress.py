"""How far something is, on standard error: a bar, or a line now and then where nobody watches.

Does not know what is counted.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

FIRST_S, EVERY_S = 5.0, 30.0
"""When the first line comes, and how far apart the next ones are."""

Report = Callable[[int, int | None], None]
"""Called as `report(done_bytes, total_bytes or None)`, any number of times."""

_T = TypeVar("_T")


class Lines:
    """A line on standard error when one is due: the first soon, then one now and then."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._due = time.monotonic() + FIRST_S

    def tell(self, text: str) -> None:
        """How far it is; most of what is told is not said."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY_S
            sys.stderr.write(f"{self._label}: {text}\n")
            sys.stderr.flush()


@contextmanager
def bar(label: str) -> Iterator[Report]:
    """A `Report` that draws a bar of bytes while the block runs, or says lines."""
    if not sys.stderr.isatty():
        lines = Lines(label)
        yield lambda done, total: lines.tell(f"{done / 1e6:.1f} MB" + _of(total))
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


def tracked(things: Iterable[_T], label: str, total: int | None = None) -> Iterator[_T]:
    """The same things, counted by a bar or by lines."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        yield from track(things, label, total, console=Console(file=sys.stderr))
        return
    lines = Lines(label)
    for done, thing in enumerate(things, 1):
        yield thing
        lines.tell(f"{done} of {total}" if total else str(done))


@contextmanager
def busy(label: str) -> Iterator[None]:
    """What is done takes a while and cannot be counted: says so, and that it is still at it.

    Draws nothing: what is done inside may draw bars.
    """
    if sys.stderr.isatty():
        sys.stderr.write(f"{label} …\n")
        yield
        return
    ended, lines, began = threading.Event(), Lines(label), time.monotonic()

    def say() -> None:
        while not ended.wait(1):
            lines.tell(f"{time.monotonic() - began:.0f} s")

    speaker = threading.Thread(target=say, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()


def _of(total: int | None) -> str:
    return f" of {total / 1e6:.1f}" if total else ""
