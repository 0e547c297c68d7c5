"""How far a command is: a bar on standard error, or lines where that is no terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class StepBar:
    """Counts steps, each with a word on what it is. A context manager."""

    def __init__(self, total: int) -> None:
        self._watched = sys.stderr.isatty()
        self._progress = Progress(
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(file=sys.stderr),
            transient=True,
            disable=not self._watched,
        )
        self._task = self._progress.add_task("", total=total)
        self._total = total
        self._begun = 0

    def __enter__(self) -> StepBar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def say(self, told: str) -> None:
        """What is going on, between steps."""
        self._progress.update(self._task, description=told)
        if not self._watched:
            sys.stderr.write(f"{told}\n")

    def begin(self, told: str) -> None:
        """The next step is under way; the ones before it are done."""
        self._progress.update(self._task, description=told, completed=self._begun)
        self._begun += 1
        if not self._watched:
            sys.stderr.write(f"{self._begun}/{self._total} {told}\n")
