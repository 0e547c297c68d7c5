"""How far a chain of runs is: a bar for each that is under way, and the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from nextgpt_mini.train.recipe.log import summary
from nextgpt_mini.train.recipe.steps import Job

_TELL_S = 600.0  # between lines, where nobody watches


class Display:
    """A context manager; `watch` is what `run_jobs` calls."""

    def __init__(self, jobs: Sequence[Job], *, lanes: int) -> None:
        self._count, self._lanes = len(jobs), lanes
        console = Console(stderr=True)
        self._watched = console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not self._watched,
        )
        self._whole = self._bars.add_task("all steps", total=self._count, note="")
        self._tasks: dict[str, TaskID] = {}
        self._told, self._begun = time.monotonic(), set[str]()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bars.stop()

    def watch(self, left: Sequence[Job], running: Mapping[str, Job]) -> None:
        """Show the jobs that are left, and those of them that run."""
        eta = f"about {_clock(remaining(left, lanes=self._lanes))} left"
        done = self._count - len(left)
        self._bars.update(self._whole, completed=done, note=eta)
        for name in self._tasks.keys() - running.keys():
            self._bars.remove_task(self._tasks.pop(name))
        for name, job in running.items():
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=job.steps, note="")
            at, pace = _progress(job)
            note = f"{pace:.2f} s a step, {_clock((job.steps - at) * pace)} left"
            self._bars.update(self._tasks[name], completed=at, note=note)
        fresh = running.keys() - self._begun
        self._begun |= fresh
        if not self._watched and (fresh or time.monotonic() - self._told > _TELL_S):
            self._told = time.monotonic()
            sys.stderr.write(f"{done}/{self._count} done, {', '.join(running)} running, {eta}\n")


def remaining(left: Sequence[Job], *, lanes: int) -> float:
    """Seconds until all is done: no less than each chain of needs, nor than all over the lanes."""
    ends: dict[str, float] = {}
    total = 0.0
    for job in left:  # in the recipe's order but for those that run: they need nothing any more
        at, pace = _progress(job)
        seconds = max(job.steps - at, 0) * pace
        total += seconds
        ends[job.step.name] = seconds + max((ends.get(n, 0.0) for n in job.step.needs), default=0.0)
    return max([total / lanes, *ends.values()])


def _progress(job: Job) -> tuple[int, float]:
    """Steps done, and seconds per step: measured if any was."""
    found = summary(job.run) if job.run else None
    at = min(found.steps, job.steps) if found else 0
    return at, found.pace if found and found.steps else job.step.seconds


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
