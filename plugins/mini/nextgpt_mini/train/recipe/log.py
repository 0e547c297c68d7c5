"""What a run's folder tells: how far it is, how long its steps took, what it reached."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG, _RUN = "log.jsonl", "run.json"
_PACE = ("seconds_per_step", "speed.seconds_per_step")


@dataclass(frozen=True)
class Summary:
    """A run in one row: `seconds` are those of all its steps, not of starting and sampling."""

    steps: int
    seconds: float
    figures: dict[str, float]

    @property
    def pace(self) -> float:
        """Seconds per step."""
        return self.seconds / self.steps if self.steps else 0.0


def lines(run: Path) -> list[dict[str, Any]]:
    """The log of a run, without half a line, and without steps that were done again later."""
    found: list[dict[str, Any]] = []
    path = run / _LOG
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        with suppress(ValueError):
            fresh = json.loads(line)
            while found and found[-1]["step"] > fresh["step"]:
                found.pop()
            found.append(fresh)
    return found


def summary(run: Path, figures: Sequence[str] = ()) -> Summary:
    """A run's steps, their measured time, and the last value of each figure."""
    logged, batch = lines(run), _batch(run)
    steps, seconds = 0, 0.0
    reached: dict[str, float] = {}
    for line in logged:
        reached |= {name: line[name] for name in figures if name in line}
        seconds += line.get("bank_seconds", 0.0)
        pace = _pace(line, batch)
        if pace is not None and line["step"] > steps:
            seconds += pace * (line["step"] - steps)
            steps = line["step"]
    return Summary(steps, seconds, {name: reached[name] for name in figures if name in reached})


def thinned(run: Path, most: int) -> str:
    """The log with at most about `most` lines of losses, and every other line."""
    logged = lines(run)
    losses = [n for n, line in enumerate(logged) if "loss" in line]
    every = max(1, -(-len(losses) // most))
    kept = set(losses[::-1][::every])  # the last one always
    chosen = [line for n, line in enumerate(logged) if n in kept or "loss" not in line]
    return "".join(json.dumps(_rounded(line)) + "\n" for line in chosen)


def settings(run: Path) -> dict[str, Any]:
    """The hyperparameters of a run."""
    path = run / _RUN
    if not path.is_file():
        return {}
    told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    found: dict[str, Any] = told.get("settings", told)
    return found


def _pace(line: dict[str, Any], batch: int) -> float | None:
    for name in _PACE:
        if name in line:
            return float(line[name])
    if batch and line.get("speed.dialogues_per_s"):  # logs of before the pace was in them
        return batch / float(line["speed.dialogues_per_s"])
    return None


def _batch(run: Path) -> int:
    told = settings(run)
    return int(told.get("batch", 0)) * int(told.get("accumulation", 1))


def _rounded(line: dict[str, Any]) -> dict[str, Any]:
    return {
        k: float(f"{v:.5g}") if isinstance(v, float) and k != "time" else v for k, v in line.items()
    }
