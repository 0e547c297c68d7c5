"""A run that a killed process goes on with: checkpoints, a log, a progress bar. Knows no model."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from nextgpt_registry.aside import replacing
from nextgpt_registry.fetch.progress import Lines

_EVERY = 60.0
"""Seconds between checkpoints."""
_LOG = 20
"""Steps between lines of the log."""


class Run:
    """`state.pt` and `log.jsonl` in a folder."""

    def __init__(
        self, folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, steps: int
    ) -> None:
        """Take up the folder's checkpoint, if it has one."""
        folder.mkdir(parents=True, exist_ok=True)
        self._state, self._log = folder / "state.pt", folder / "log.jsonl"
        self._module, self._optimizer = module, optimizer
        self.step, self.steps = 0, steps
        self._sums: dict[str, float] = defaultdict(float)
        self._saved = time.monotonic()
        if self._state.exists():
            state = torch.load(self._state, weights_only=True)
            module.load_state_dict(state["module"])
            optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])

    def left(self) -> Iterator[int]:
        """The numbers of the steps still to do, under a progress bar; checkpoints in between."""
        console = Console(stderr=True)
        columns = (TextColumn("finder"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=self.steps, completed=self.step)
            lines = Lines("finder")
            while self.step < self.steps:
                yield self.step
                self.step += 1
                bar.update(task, completed=self.step)
                if bar.disable:
                    lines.tell(f"{self.step} of {self.steps}")
                if self.step == self.steps or time.monotonic() - self._saved > _EVERY:
                    self._save()

    def told(self, losses: Mapping[str, float]) -> None:
        """Keep the losses of a step; every so often their means go to the log."""
        for name, value in losses.items():
            self._sums[name] += value / _LOG
        if (self.step + 1) % _LOG == 0:
            means = {name: round(value, 4) for name, value in self._sums.items()}
            line = {"step": self.step + 1, "time": round(time.time(), 1), **means}
            with self._log.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
            self._sums.clear()

    def _save(self) -> None:
        state = {"module": self._module.state_dict(), "optimizer": self._optimizer.state_dict()}
        with replacing(self._state) as aside:
            torch.save({"step": self.step, **state}, aside)
        self._saved = time.monotonic()
