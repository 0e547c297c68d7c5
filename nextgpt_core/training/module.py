"""Training of one small plain module: a loss by step number in, a run that can be gone on with.

Public: plugins train their parts with it, in modules under `nextgpt_NAME.train`. It knows neither
systems nor dialogues; those are trained in stages, by the same loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from nextgpt_core.training.average import Average
from nextgpt_core.training.folder import RunFolder
from nextgpt_core.training.loop import Learned, Loop, Objective, Pace, finite
from nextgpt_core.training.meter import Values
from nextgpt_core.training.optimizer import Optimizer
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.tensors import quick_in_bfloat16

__all__ = ["Loss", "Run", "RunFolder", "quickly", "train"]

Loss = Callable[[int], Tensor | Mapping[str, Tensor]]
"""A step's number, from 0 -> its loss, (), or the parts of it by name, whose sum it is."""


def quickly(device: torch.device | str = "cpu") -> torch.autocast:
    """Products in bfloat16, where the device is quick in it."""
    quick = quick_in_bfloat16(device)
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=quick)


class Run:
    """A folder that a killed run goes on from, and how far it goes; a context manager.

    One process at a time holds the folder: from the outermost `with` to its end. `step` is how many
    steps are done. A checkpoint is written every `save_s` seconds and at the end; samples are
    looked at every `sample_s`; the log has a line of every `log_every` steps. `cancelled` is asked
    after every step.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        *,
        log_every: int = 20,
        save_s: float = 120.0,
        sample_s: float = 900.0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.folder, self.pace = folder, Pace(steps, log_every, save_s, sample_s)
        self.cancelled = cancelled
        self.step = 0
        self._files: RunFolder | None = None
        self._depth = 0

    def __enter__(self) -> Self:
        """Hold the folder.

        Raises:
            TrainingError: another process trains in it.
        """
        self._files = self._files or RunFolder(self.folder)
        self._depth += 1
        return self

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self.files.close()
            self._files = None

    @property
    def files(self) -> RunFolder:
        """The folder, while it is held."""
        assert self._files is not None, "hold it: `with run:`"
        return self._files

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.files.begun

    def log(self, **values: float) -> None:
        """A line of the log, at the present step."""
        with self:
            self.files.log(self.step, values)


def train(
    run: Run,
    title: str,
    module: nn.Module,
    loss: Loss,
    *,
    lr: float,
    decay: float = 0.999,
    warmup: int = 100,
    tail: float = 0.3,
    clip: float = 1.0,
    weight_decay: float = 0.01,
    matrices: Collection[nn.Parameter] = (),
    sample: Callable[[], None] | None = None,
) -> Values:
    """Minimise `loss` in what of `module` has gradients; the values of the last step.

    The rate warms up for so many steps, stays, then falls linearly over the last share `tail`.
    `matrices` follow Muon at twice the rate, all else AdamW. The module ends with the average of
    its weights, of this `decay` (0: with its weights), and has it while `sample` is called.
    `loss` must depend on the step's number and on the module alone, which makes a run that is gone
    on with exact: draw from `Random(step)` or `Generator().manual_seed(step)`.

    Raises:
        Cancelled: `run.cancelled` said so; the next call goes on from there.
        TrainingError: the folder holds more steps, another process trains in it, or the loss is no
            longer a number.
    """
    steps, marked = run.pace.steps, {id(matrix) for matrix in matrices}
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = Optimizer(
        parameters,
        [{"params": [p for p in parameters if id(p) not in marked], "factor": 1.0}],
        [{"params": list(matrices), "factor": 2.0}],
        rate=lambda n: lr * min(1.0, (n + 1) / warmup, (steps - n) / max(1, tail * steps)),
        weight_decay=weight_decay,
        clip=clip,
    )
    with run:
        loop = Loop(
            run.files,
            _Module(run, module, loss, sample),
            optimizer,
            run.pace,
            title=title,
            average=Average(module, decay),
            cancelled=run.cancelled,
        )
        return loop.train()


class _Module(Objective):
    """A module and its loss."""

    def __init__(
        self, run: Run, module: nn.Module, loss: Loss, sample: Callable[[], None] | None
    ) -> None:
        self._run, self._module, self._loss, self._sample = run, module, loss, sample

    def learn(self, step: int) -> Learned:
        found = self._loss(step)
        parts = found if isinstance(found, Mapping) else {}
        total = torch.stack(list(parts.values())).sum() if parts else found
        assert isinstance(total, Tensor)
        finite(total, step).backward()
        values = {name: part.item() for name, part in parts.items()}
        return Learned({"loss": total.item(), **values}, {})

    def moved(self) -> None:
        self._run.step += 1

    def state(self) -> Mapping[str, Any]:
        return {"module": self._module.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        self._run.step = int(state["step"])
        if self._run.step > self._run.pace.steps:
            raise TrainingError(
                str(self._run.folder),
                f"holds a run of {self._run.step} steps, {self._run.pace.steps} are asked for",
                "ask for more, or remove it",
            )
        self._module.load_state_dict(state["module"])

    def look(self, step: int) -> Values:
        if self._sample is not None:
            self._sample()
        return {}
