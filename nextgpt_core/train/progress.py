"""How far a run is, on standard error. Silent but for a few lines where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Mapping
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
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, completed=done, note="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.stop()

    def tell(self, done: int, values: Mapping[str, float]) -> None:
        """So many steps are done."""
        shown = "  ".join(f"{k} {v:.3f}" for k, v in values.items() if k in _SHOWN)
        self._bar.update(self._task, completed=done, note=shown)

    def note(self, text: str) -> None:
        """What is being done beside the steps."""
        self._bar.update(self._task, note=text)

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self._bar.disable:
            sys.stderr.write(text + "\n")
        else:
            self._bar.console.print(text, markup=False, highlight=False)


_SHOWN = ("loss", "text", "alignment", "denoising")
