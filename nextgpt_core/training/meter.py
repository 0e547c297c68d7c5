"""What happened since the last line of a log. Knows no names."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Values = dict[str, float]


@dataclass
class Meter:
    """Means of values, and speeds. The means go on in a run that is gone on with."""

    sums: Values = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)  # since this process began the line
    steps: int = 0  # the same
    since: float = field(default_factory=time.monotonic)

    def add(self, values: Mapping[str, float], done: Mapping[str, int]) -> None:
        """One step, and how much was done in it."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        for name, count in done.items():
            self.done[name] = self.done.get(name, 0) + count
        self.steps += 1

    def line(self) -> Values:
        """The means, and the speeds."""
        seconds = max(time.monotonic() - self.since, 1e-9)
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        speeds = {f"speed.{name}_per_s": round(n / seconds, 2) for name, n in self.done.items()}
        pace = round(seconds / max(self.steps, 1), 4)
        return means | {"speed.seconds_per_step": pace} | speeds

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"sums": dict(self.sums), "counts": dict(self.counts)}
