"""One resumable training run: folder, checkpoints, logs, progress. Knows nothing about models."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from nextgpt_core.training.muon import Muon
from nextgpt_registry.aside import replacing
from nextgpt_registry.content import replace_file
from nextgpt_registry.fetch.progress import Lines
from nextgpt_registry.tensors import quick_in_bfloat16


def quickly(device: torch.device | str = "cpu") -> torch.autocast:
    """Products in bfloat16, where the device is quick in it."""
    quick = quick_in_bfloat16(device)
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=quick)


class Average(nn.Module):
    """An exponential moving average of a module's weights, warmed up."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Start at the module's weights."""
        super().__init__()
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move a little towards the module's weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = [], []
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                mine.append(self.values[name])
                theirs.append(value)
            else:
                self.values[name] = value.clone()
        torch._foreach_lerp_(mine, theirs, 1 - decay)


class Run:
    """A folder that a killed run goes on from: `state.pt`, `log.jsonl`, TensorBoard, samples."""

    def __init__(
        self,
        folder: Path,
        steps: int,
        *,
        every: float = 120.0,
        look: float = 900.0,
        log_every: int = 20,
    ) -> None:
        """Checkpoint `every` so many seconds, show samples after so many; log by steps."""
        self.folder, self.steps, self.every, self.look = folder, steps, every, look
        self.log_every = log_every
        folder.mkdir(parents=True, exist_ok=True)
        self._writer: SummaryWriter | None = None
        self.console = Console(stderr=True)
        self.step = 0
        self._saved = self._looked = time.monotonic()

    def resume(self) -> dict[str, Any] | None:
        """The last checkpoint, if there is one."""
        path = self.folder / "state.pt"
        if not path.exists():
            self._cut_log()
            return None
        state: dict[str, Any] = torch.load(path, weights_only=True)
        self.step = int(state["step"])
        self._cut_log()
        return state

    @property
    def writer(self) -> SummaryWriter:
        """TensorBoard's; what an earlier process wrote after its last checkpoint is hidden."""
        if self._writer is None:
            self._writer = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.step + 1)
        return self._writer

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint aside, then rename it."""
        with replacing(self.folder / "state.pt") as aside:
            torch.save({"step": self.step, **state}, aside)
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._saved > self.every or self.step >= self.steps

    def looks(self) -> bool:
        """Whether it is time for samples; then it is not for a while."""
        if time.monotonic() - self._looked <= self.look and self.step < self.steps:
            return False
        self._looked = time.monotonic()
        return True

    def log(self, **values: float) -> None:
        """To TensorBoard and `log.jsonl`."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, self.step)
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(
                json.dumps({"step": self.step, "time": round(time.time(), 1), **values}) + "\n"
            )

    def _cut_log(self) -> None:
        """Drop what was logged after the last checkpoint: those steps are done again."""
        path = self.folder / "log.jsonl"
        if not path.exists():
            return
        kept = []
        for line in path.read_text("utf-8").splitlines():
            with suppress(ValueError):  # a line that was being written when the run was killed
                if json.loads(line)["step"] <= self.step:
                    kept.append(f"{line}\n")
        replace_file(path, "".join(kept).encode())

    def loop(self, title: str) -> Iterator[int]:
        """The steps still to do, under a progress bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(title, total=self.steps, completed=self.step, note="")
            lines = Lines(title)
            while self.step < self.steps:
                yield self.step
                self.step += 1
                bar.update(task, completed=self.step)
                if bar.disable:
                    lines.tell(f"{self.step} of {self.steps}")


def train(
    run: Run,
    title: str,
    module: nn.Module,
    loss: Callable[[int], torch.Tensor],
    *,
    lr: float,
    decay: float = 0.999,
    warmup: int = 100,
    tail: float = 0.3,
    matrices: Collection[nn.Parameter] = (),
    sample: Callable[[], None] | None = None,
) -> Average:
    """Minimise `loss(step)`; the rate warms up, stays, then falls linearly over the last `tail`.

    `matrices` follow Muon at twice the rate, all else AdamW. `loss` must depend on the step number
    alone, which makes a resumed run go on exactly.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizers = _optimizers(parameters, matrices)
    average = Average(module, decay)
    if (state := run.resume()) is not None:
        module.load_state_dict(state["module"])
        for optimizer, one in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(one)
        average.values = state["average"]
    began, done, total, counted = time.monotonic(), 0, 0.0, 0
    if state is not None:
        total, counted = state.get("mean", (0.0, 0))  # of the log's next line
    for step in run.loop(title):
        rate = lr * min(1.0, (step + 1) / warmup, (run.steps - step) / max(1, tail * run.steps))
        value = loss(step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        average.update(module, step)
        total += value.item()
        counted, done = counted + 1, done + 1
        run.step += 1
        if run.step % run.log_every == 0 or run.step == run.steps:
            seconds = (time.monotonic() - began) / done
            run.log(loss=total / counted, rate=rate, seconds_per_step=seconds)
            began, done, total, counted = time.monotonic(), 0, 0.0, 0
        if run.due:
            run.save(
                {
                    "module": module.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    "average": average.values,
                    "mean": (total, counted),
                }
            )
            if sample is not None and run.looks():
                live = {k: v.clone() for k, v in module.state_dict().items()}
                module.load_state_dict(average.values)
                sample()
                module.load_state_dict(live)
        run.step -= 1
    module.load_state_dict(average.values)
    return average


def _optimizers(
    parameters: Sequence[nn.Parameter], matrices: Collection[nn.Parameter]
) -> list[torch.optim.Optimizer]:
    marked = {id(p) for p in matrices}
    rest = [p for p in parameters if id(p) not in marked]
    made: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([{"params": rest, "factor": 1.0}], betas=(0.9, 0.99), weight_decay=0.01)
    ]
    if marked:
        groups = [{"params": list(matrices), "factor": 2.0}]
        made.append(Muon(groups, weight_decay=0.01))
    return made
