"""The loop of every training, from its last checkpoint to its last step. Knows no model.

What a step does depends on its number and on what objective, optimizer and average hold, and on
nothing else; so a run that was killed and gone on with gives the same bits as one that was not.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nextgpt_core.progress import Progress
from nextgpt_core.training.average import Average
from nextgpt_core.training.folder import RunFolder
from nextgpt_core.training.meter import Meter, Values
from nextgpt_core.training.optimizer import Optimizer
from nextgpt_registry.errors import Cancelled, TrainingError

_METRICS = "metrics.json"


@dataclass(frozen=True)
class Pace:
    """How many steps, and how often a line, a checkpoint and a look at samples are due."""

    steps: int
    log_every: int
    save_s: float
    sample_s: float


@dataclass(frozen=True)
class Learned:
    """What a step came to: means of `values` are logged, and speeds of `counts`."""

    values: Values
    counts: Mapping[str, int]


class Objective(ABC):
    """What is learned: the loss of each step, and whatever that loss depends on."""

    @abstractmethod
    def learn(self, step: int) -> Learned:
        """Add the gradients of a step's loss; they follow from its number and from `state`."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """What a checkpoint keeps of it."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint kept."""

    def moved(self) -> None:  # noqa: B027 - nothing to do is usual
        """Called after every step of the optimizer."""

    def told(self) -> Values:
        """What stands in each line of the log beside means and speeds."""
        return {}

    def saved(self) -> None:  # noqa: B027
        """Write what others read, beside a checkpoint."""

    def look(self, step: int) -> Values:
        """Validate and show samples; what is returned is logged."""
        return {}

    def ended(self) -> None:  # noqa: B027
        """Called when there are no more steps in this process."""


class Loop:
    """Takes an objective through the steps of a run; owns all else that a run has."""

    def __init__(
        self,
        run: RunFolder,
        objective: Objective,
        optimizer: Optimizer,
        pace: Pace,
        *,
        title: str = "training",
        average: Average | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.step = 0
        self.metrics: Values = {}
        self._run, self._objective, self._optimizer = run, objective, optimizer
        self._pace, self._title, self._cancelled = pace, title, cancelled
        self._average = average or Average.none()
        self._meter = Meter()

    def train(self) -> Values:
        """Run to the last step, from the last checkpoint if there is one; the last values.

        Raises:
            Cancelled: `cancelled` said so after a step, which is saved.
            TrainingError: the loss is no longer a number.
        """
        if (state := self._run.load()) is not None:
            self._resume(state)
        try:
            values = self._steps()
        finally:
            self._objective.ended()
        self._average.take_over()
        return values

    def _steps(self) -> Values:
        pace, values = self._pace, Values()
        self._meter.since = saved = sampled = time.monotonic()
        with Progress(self._title, total=pace.steps, done=self.step) as progress:
            while self.step < pace.steps:
                values = self._one()
                self.step += 1
                progress.tell(self.step, values)
                last = self.step == pace.steps
                if last or self.step % pace.log_every == 0:
                    self._log(self._meter.line() | self._objective.told())
                    self._meter = Meter()
                ended = not last and self._cancelled()
                if last or ended or time.monotonic() - saved >= pace.save_s:
                    self._save()
                    saved = time.monotonic()
                if ended:
                    raise Cancelled(self._title)
                if last or time.monotonic() - sampled >= pace.sample_s:
                    with progress.during(f"{self._title}: sampling"):
                        self._look()
                    self._meter.since = sampled = time.monotonic()
        return values

    def _one(self) -> Values:
        learned = self._objective.learn(self.step)
        values = learned.values | self._optimizer.step(self.step)
        self._average.update(self.step)
        self._objective.moved()
        self._meter.add(values, learned.counts)
        return values

    def _log(self, values: Values) -> None:
        self._run.log(self.step, values)
        self.metrics |= values

    def _look(self) -> None:
        with self._average.shown():
            if values := self._objective.look(self.step):
                self._log(values)
        self._run.write_json(_METRICS, {"step": self.step, **self.metrics})

    def _save(self) -> None:
        self._run.save(
            {
                "step": self.step,
                **self._objective.state(),
                "optimizer": self._optimizer.state(),
                "average": self._average.values,
                "meter": self._meter.state(),
            }
        )
        self._objective.saved()

    def _resume(self, state: Mapping[str, Any]) -> None:
        self.step = int(state["step"])
        self._objective.load(state)
        self._optimizer.load(state["optimizer"])
        self._average.load(state["average"])
        self._meter = Meter(**state["meter"])


def finite(loss: Tensor, step: int) -> Tensor:
    """The loss itself.

    Raises:
        TrainingError: it is not a number, or infinite.
    """
    if not loss.isfinite():
        raise TrainingError(
            f"step {step}",
            f"the loss is {loss.item()}",
            "lower lr or clip; the last checkpoint is whole",
        )
    return loss
