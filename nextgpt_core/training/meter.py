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
    tokens: int = 0
    dialogues: int = 0
    steps: int = 0  # since this process began the line
    since: float = field(default_factory=time.monotonic)

    def add(self, values: Mapping[str, float], *, tokens: int, dialogues: int) -> None:
        """One step."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        self.tokens += tokens
        self.dialogues += dialogues

    def line(self) -> Values:
        """The means, and the speeds."""
        seconds = max(time.monotonic() - self.since, 1e-9)
        return {name: total / self.counts[name] for name, total in self.sums.items()} | {
            "speed.seconds_per_step": round(seconds / max(self.steps, 1), 4),
            "speed.tokens_per_s": round(self.tokens / seconds, 1),
            "speed.dialogues_per_s": round(self.dialogues / seconds, 2),
        }

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"sums": dict(self.sums), "counts": dict(self.counts)}
