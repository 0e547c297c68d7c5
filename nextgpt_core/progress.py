"""How far a run is, on standard error: a bar, or a line now and then where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from nextgpt_registry.fetch.progress import Lines, busy

OnStep = Callable[[str, int, int, Mapping[str, float]], None]
"""Called as `progress(title, done, total, values)` after every step, instead of drawing a bar."""

_LISTENER: ContextVar[OnStep | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(listener: OnStep | None) -> Iterator[None]:
    """Within the block, who listens is called and nothing is drawn; with none it is as ever."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


@contextmanager
def going_on() -> Iterator[None]:
    """What the block does goes on where it was broken off: whoever breaks it off is told."""
    try:
        yield
    except KeyboardInterrupt as interrupted:
        interrupted.add_note("the same call goes on from what is saved")
        raise


class Progress:
    """A bar with the time that is left; a context manager."""

    def __init__(self, title: str, *, total: int, done: int = 0) -> None:
        console = Console(stderr=True)
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not console.is_terminal or _LISTENER.get() is not None,
        )
        self._task = self._bar.add_task(title, total=total, completed=done, note="")
        self._lines, self._title, self._total = Lines(title), title, total
        self._listener = _LISTENER.get()
        self._first, self._begun = done, time.monotonic()

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.stop()

    def tell(self, done: int, values: Mapping[str, float]) -> None:
        """So many steps are done."""
        if self._listener is not None:
            self._listener(self._title, done, self._total, dict(values))
            return
        shown = "  ".join(f"{k} {v:.3f}" for k, v in values.items() if k in _SHOWN)
        self._bar.update(self._task, completed=done, note=shown)
        if self._bar.disable:
            told = f"{done} of {self._total}{self._left(done)}"
            self._lines.tell(f"{told}  {shown}" if shown else told)

    def note(self, text: str) -> None:
        """What is being done beside the steps."""
        self._bar.update(self._task, note=text)

    @contextmanager
    def during(self, text: str) -> Iterator[None]:
        """What is done beside the steps takes a while: says so, now and then without a bar."""
        self.note(text)
        with busy(text) if self._bar.disable and not sys.stderr.isatty() else nullcontext():
            yield

    def say(self, text: str) -> None:
        """A line above the bar; none where somebody listens."""
        if self._listener is not None:
            return
        if self._bar.disable:
            sys.stderr.write(text + "\n")
        else:
            self._bar.console.print(text, markup=False, highlight=False)

    def _left(self, done: int) -> str:
        """How long the rest will take at this pace."""
        if done <= self._first:
            return ""
        pace = (time.monotonic() - self._begun) / (done - self._first)
        return f", {timedelta(seconds=round(pace * (self._total - done)))} left"


_SHOWN = ("loss", "text", "alignment", "denoising")
