"""What a benchmark came to: a row for each figure. Measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nextgpt_core.benchmark.goals import Most
from nextgpt_core.benchmark.rows import Figure


@dataclass(frozen=True)
class Row:
    """A figure that was measured: medians of both sides, and of their ratio in each round."""

    figure: Figure
    ours: float
    other: float
    ratio: float
    spread: tuple[float, float]  # of the ratio: half of the rounds lie within
    rounds: int
    goal: float | Most | None
    reached: bool | None

    def to_json(self) -> dict[str, Any]:
        """One flat mapping."""
        goal = self.goal.model_dump() if isinstance(self.goal, Most) else self.goal
        return {
            "name": self.figure.name,
            **{name: float(f"{getattr(self, name):.4g}") for name in ("ours", "other", "ratio")},
            "spread": [float(f"{one:.4g}") for one in self.spread],
            "goal": goal,
            "reached": self.reached,
            "rounds": self.rounds,
            "unit": self.figure.unit,
            "what": self.figure.what,
            "sides": [self.figure.ours, self.figure.other],
        }


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark came to."""

    system: str
    machine: dict[str, Any]
    rows: tuple[Row, ...]
    left_out: dict[str, str]  # by name: why

    def to_json(self) -> dict[str, Any]:
        """`{"system", "machine", "rows": […], "left_out": {…}}`."""
        rows = [row.to_json() for row in self.rows]
        return {
            "system": self.system, "machine": self.machine, "rows": rows, "left_out": self.left_out
        }  # fmt: skip
