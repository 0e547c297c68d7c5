"""What a chain of runs came to: one table, and copies of logs, configs and locks fit to commit."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextgpt_mini.train.recipe.log import settings, summary, thinned
from nextgpt_mini.train.recipe.steps import Job, Place
from nextgpt_registry.content import replace_file

_INSIDE = re.compile(r"/[^\s\"':]*/nextgpt_mini/(?P<inside>[^\s\"']+)")
_COPIED = ("config.yaml", "nextgpt.lock.json")
_LINES = 100  # of losses, in each log kept
_HEAD = ("step", "steps", "s/step", "hours", "reached")


def rows(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """One for each run that there is; seconds are those of its steps."""
    found = []
    for job in jobs:
        if job.run is None or not (job.run / "log.jsonl").is_file():
            continue
        told = summary(job.run, job.step.figures)
        found.append(
            {
                "step": job.step.name,
                "steps": told.steps,
                "of": job.steps,
                "seconds_per_step": round(told.pace, 4),
                "hours": round(told.seconds / 3600, 3),
                "figures": told.figures,
                "settings": settings(job.run),
            }
        )
    return found


def write(found: Sequence[dict[str, Any]], jobs: Sequence[Job], place: Place, out: Path) -> None:
    """`recipe.json`, `README.md` and, for each run, its thinned log, config and lock."""
    replace_file(out / "recipe.json", (json.dumps(found, indent=1) + "\n").encode())
    replace_file(out / "README.md", markdown(found).encode())
    for job in jobs:
        if job.run is None or not (job.run / "log.jsonl").is_file():
            continue
        replace_file(out / job.step.name / "log.jsonl", thinned(job.run, _LINES).encode())
        for name in _COPIED:
            if (job.run / name).is_file():
                text = _anywhere((job.run / name).read_text("utf-8"), place)
                replace_file(out / job.step.name / name, text.encode())


def markdown(found: Sequence[dict[str, Any]]) -> str:
    """The table as a page."""
    lines = ["# From nothing to the shipped weights, as it was run", ""]
    lines += ["Seconds were measured; hours are steps times seconds, in all lanes together.", ""]
    lines += [f"| {' | '.join(_HEAD)} |", f"|{' --- |' * len(_HEAD)}"]
    lines += [f"| {' | '.join(cells)} |" for cells in _cells(found)]
    return "\n".join(lines) + "\n"


def show(found: Sequence[dict[str, Any]]) -> None:
    """The table on standard output."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="from nothing to weights")
    for name in _HEAD:
        table.add_column(name, justify="left" if name in ("step", "reached") else "right")
    for cells in _cells(found):
        table.add_row(*cells)
    Console(markup=False, highlight=False).print(table)


def _cells(found: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    cells = [
        (
            row["step"],
            str(row["steps"]) + (f" of {row['of']}" if row["of"] != row["steps"] else ""),
            f"{row['seconds_per_step']:.2f}",
            f"{row['hours']:.2f}",
            ", ".join(f"{name} {value:.4g}" for name, value in row["figures"].items()),
        )
        for row in found
    ]
    return [*cells, ("all", "", "", f"{sum(row['hours'] for row in found):.2f}", "")]


def _anywhere(text: str, place: Place) -> str:
    """A config without the paths of the machine it was run on."""

    def beside(found: re.Match[str]) -> str:
        inside = found["inside"]
        return inside.removeprefix("systems/") if inside.startswith("systems/") else f"../{inside}"

    return _INSIDE.sub(beside, text).replace(f"{place.runs}/", "runs/")
