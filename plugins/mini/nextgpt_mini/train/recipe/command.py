"""`nextgpt mini recipe`: run what is left of the chain, or gather what it came to."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from nextgpt_core.training.module import RunFolder
from nextgpt_mini.train.recipe.display import Display
from nextgpt_mini.train.recipe.lanes import here, in_processes, run_jobs
from nextgpt_mini.train.recipe.report import rows, show, write
from nextgpt_mini.train.recipe.steps import Place, jobs, load_recipe
from nextgpt_registry.fetch.cache import cache_dir


def run(
    overrides: Sequence[str],
    *,
    only: Sequence[str],
    collect: bool,
    smoke: bool,
    runs: Path | None,
    out: Path,
) -> None:
    """Run and collect; see the command's own help.

    Raises:
        TrainingError: a step failed, or another process runs the same chain.
    """
    recipe = load_recipe()
    default = cache_dir() / "runs" / "mini-smoke" if smoke else cache_dir() / "runs"
    place = Place((runs or default).absolute(), own=smoke or runs is not None, smoke=smoke)
    if not collect:
        chosen = jobs(recipe, place, overrides=overrides, only=only)
        folder = place.runs / "mini-recipe"
        lanes = 1 if smoke else recipe.lanes
        # Ended by Ctrl-C or by a signal, it ends what it started, to be gone on with.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        launch = here if smoke else in_processes(max(1, _cores() // lanes))
        with RunFolder(folder), Display(chosen, lanes=lanes) as display:
            run_jobs(chosen, folder, lanes=lanes, launch=launch, watch=display.watch)
    every = jobs(recipe, place, overrides=overrides)
    found = rows(every)
    write(found, every, place, out)
    show(found)
    sys.stdout.write(f"collected in {out}\n")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
