"""Run jobs side by side, each when what it needs is done. Knows nothing about training.

A job is a command in a process of its own, its output in a file. What is done is written down, so
a chain that was killed goes on; a job that was killed is given again and goes on by itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from nextgpt_mini.train.recipe.steps import Job
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.leash import Leashed

_MAIN = "from nextgpt_registry.cli import main; main()"
_TOLD = 12  # lines of a failed job's output


class Running(Protocol):
    """A job under way."""

    def poll(self) -> int | None:
        """Its exit code, None until it has one."""

    def terminate(self) -> None:
        """End it."""

    def wait(self) -> int:
        """Its exit code, when it has one."""


Launch = Callable[[Job, Path], Running]
"""Starts a job, its output going to a file."""


def in_processes(threads: int) -> Launch:
    """Each job in a process with so many threads."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}

    def launch(job: Job, output: Path) -> Running:
        with output.open("ab") as file:
            return Leashed([sys.executable, "-c", _MAIN, *job.command], env=env, output=file)

    return launch


class _Ended:
    def __init__(self, code: int) -> None:
        self._code = code

    def poll(self) -> int:
        return self._code

    def terminate(self) -> None:
        """Nothing is left to end."""

    def wait(self) -> int:
        return self._code


def here(job: Job, output: Path) -> Running:
    """Run a job to its end in this process: quicker, where jobs are tiny."""
    from nextgpt_registry.cli import main

    try:
        main(job.command)
    except SystemExit as ended:
        return _Ended(int(ended.code or 0))


class Ledger:
    """Which jobs are done, by name and command: one with other settings is not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, list[str]] = {}
        with suppress(OSError, ValueError):
            self._done = json.loads(path.read_text("utf-8"))

    def __contains__(self, job: Job) -> bool:
        return self._done.get(job.step.name) == list(job.command)

    def add(self, job: Job) -> None:
        """This job is done."""
        self._done[job.step.name] = list(job.command)
        replace_file(self._path, (json.dumps(self._done, indent=1) + "\n").encode())


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    *,
    lanes: int,
    launch: Launch,
    watch: Callable[[Sequence[Job], Mapping[str, Job]], None],
    pause_s: float = 1.0,
) -> None:
    """Run all that are not done yet, at most `lanes` at once.

    `watch` is called again and again with the jobs that are not done, and those that run, by name.

    Raises:
        TrainingError: a job failed; those beside it are ended, to be gone on with.
    """
    ledger = Ledger(folder / "done.json")
    waiting = [job for job in jobs if job not in ledger]
    names = {job.step.name for job in jobs}
    running: dict[str, tuple[Job, Running]] = {}
    try:
        while waiting or running:
            for name, (job, process) in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[name]
                if code:
                    raise _failed(job, code, _output(folder, job))
                ledger.add(job)
            open_needs = {job.step.name for job in waiting} | running.keys()
            ready = [j for j in waiting if not open_needs & names & set(j.step.needs)]
            for job in ready[: lanes - len(running)]:
                waiting.remove(job)
                running[job.step.name] = job, launch(job, _output(folder, job))
            under_way = {name: job for name, (job, _) in running.items()}
            watch([*under_way.values(), *waiting], under_way)
            if running and all(process.poll() is None for _, process in running.values()):
                time.sleep(pause_s)
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.wait()


def _output(folder: Path, job: Job) -> Path:
    return folder / f"{job.step.name}.txt"


def _failed(job: Job, code: int, output: Path) -> TrainingError:
    text = output.read_text("utf-8", "replace") if output.is_file() else ""
    last = "\n".join(text.strip().splitlines()[-_TOLD:])
    return TrainingError(
        f"step {job.step.name}",
        f"ended with exit code {code}:\n{last}\n",
        f"see {output}; the same command goes on from there",
    )
