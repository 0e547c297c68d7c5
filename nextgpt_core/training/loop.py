"""One training run, from its folder to its last step. Knows neither files nor metrics by heart.

What a step does depends on its number and on what the parts and the optimizer hold, and on
nothing else; so a run that was killed and gone on with gives the same bits as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from nextgpt_core.engine.request import item_seed
from nextgpt_core.project import bound_to_signals
from nextgpt_core.system import System
from nextgpt_core.training.cache import TensorCache
from nextgpt_core.training.compute import Compute
from nextgpt_core.training.data import Batches, Dialogues, Example, Rehearsed, cut
from nextgpt_core.training.folder import RunFolder
from nextgpt_core.training.forward import Starts
from nextgpt_core.training.losses import Objective
from nextgpt_core.training.media import Composing
from nextgpt_core.training.meter import Meter, Values
from nextgpt_core.training.optimizer import Optimizer
from nextgpt_core.training.progress import Progress
from nextgpt_core.training.samples import Samples
from nextgpt_core.training.settings import RunSettings
from nextgpt_registry.errors import TrainingError

_STATES_IN_MEMORY = 512 << 20  # bytes
_METRICS = "metrics.json"


class Trainer:
    """Trains some parts of a system on the dialogues of a stage."""

    def __init__(
        self,
        system: System,
        source: Any,
        settings: RunSettings,
        run: RunFolder,
        *,
        cache: TensorCache,
        rehearsed: Sequence[Any] = (),
        title: str = "training",
    ) -> None:
        self.system = system
        self.settings = settings
        self.step = 0
        self._run = run
        self._title = title
        self._meter = Meter()
        self._metrics: Values = {}
        _check_parts(system, settings)
        # Of the model's parts, frozen ones too: a frozen part must not draw noise or drop out.
        self._parts = system.model.trainable(settings.parts, channels=settings.channels)
        self._compute = Compute(system.model.backbone.device, settings.precision)
        self._optimizer = Optimizer(self._parts, settings, clip=self._compute.clip)
        own = Dialogues(
            source, keep=settings.validate_on, seed=settings.seed, of=settings.dialogues
        )
        share = settings.rehearsal or 0.0
        few = math.ceil(settings.dialogues * share / (1 - share) / max(len(rehearsed), 1))
        others = [Dialogues(other, keep=0, seed=settings.seed, of=few) for other in rehearsed]
        self._dialogues: Dialogues | Rehearsed = own
        if others:
            self._dialogues = Rehearsed(own, others, share)
        self._composing = Composing(system, cache)
        self._batches = Batches(self._dialogues, self._composing, settings)
        starts: Starts | None = None if "lora" in settings.parts else {}
        states: TensorCache | None = None
        if set(settings.parts) <= {"output", "written"}:
            states = TensorCache(
                run.path / "states",  # of this run alone: of no other language model
                memory_bytes=_STATES_IN_MEMORY,
                disk_bytes=int(settings.cache_gb * 2**30),
            )
        self._cache = cache
        self._objective = Objective(system, cache, settings, starts, states)

    def train(self) -> Values:
        """Run to the last step, from the last checkpoint if there is one; the last values."""
        state = self._run.load()
        if state is not None:
            self._resume(state)
        settings, values = self.settings, Values()
        self._meter.since = time.monotonic()
        saved = sampled = time.monotonic()
        with Progress(self._title, total=settings.steps, done=self.step) as progress:
            while self.step < settings.steps:
                values = self._one()
                self.step += 1
                self._mark_trained()
                progress.tell(self.step, values)
                last = self.step == settings.steps
                if self.step % settings.log_every == 0 or last:
                    line = self._meter.line() | {"speed.cached": self._cache.share()}
                    self._run.log(self.step, line)
                    self._metrics |= line
                    self._meter = Meter()
                if last or time.monotonic() - saved >= settings.save_s:
                    self.save()
                    saved = time.monotonic()
                if last or time.monotonic() - sampled >= settings.sample_s:
                    progress.note("sampling")
                    self.sample()
                    sampled = time.monotonic()
                    self._meter.since = sampled
                    self._run.write_json(_METRICS, {"step": self.step, **self._metrics})
        self._batches.close()
        return values

    @property
    def metrics(self) -> Values:
        """The last value of everything logged in this process."""
        return dict(self._metrics)

    def save(self) -> None:
        """A checkpoint: everything that a step depends on, and the parts for others."""
        model = self.system.model
        self._run.save(
            {
                "step": self.step,
                "parts": model.state_by_part(),
                "optimizer": self._optimizer.state(),
                "meter": self._meter.state(),
            }
        )
        self._run.save_parts(model.trained_state())

    def sample(self) -> None:
        """Validate, and answer the fixed prompts."""
        kept = self._dialogues.kept(max(self.settings.validate_on, self.settings.samples))
        self.system.model.eval()
        with torch.no_grad(), self._noise("validation"):
            if values := self._validate(kept[: self.settings.validate_on]):
                self._run.log(self.step, values)
                self._metrics |= values
            shown = Samples.of(kept[: self.settings.samples], tokens=self.settings.sample_tokens)
            with self._compute.autocast():
                shown.show(self.system, self._run, self.step)

    def _one(self) -> Values:
        """One step; what it was worth."""
        passes = self._batches.step(self.step)
        shares = self._objective.shares(passes)
        values: Values = {}
        self._training_mode()
        for number, examples in enumerate(passes):
            with self._noise("step", self.step, number), self._compute.autocast():
                seed = item_seed(self.settings.seed, "step", self.step, number)
                losses = self._objective(examples, shares, seed=seed)
            if not torch.isfinite(losses.total):
                raise TrainingError(
                    f"step {self.step}",
                    f"the loss is {losses.total.item()}",
                    "lower lr or clip; the last checkpoint is whole",
                )
            if losses.total.requires_grad:
                self._compute.backward(losses.total)
            for name, value in losses.parts.items():
                values[name] = values.get(name, 0.0) + value
        values |= self._optimizer.step(self.step)
        prompts = [example.prompt for examples in passes for example in examples]
        self._meter.add(values, tokens=sum(map(len, prompts)), dialogues=len(prompts))
        return values

    def _validate(self, dialogues: list[Any]) -> Values:
        prompts = [self._composing(dialogue) for dialogue in dialogues]
        examples = [
            Example(dialogue, prompt)
            for dialogue, prompt in zip(dialogues, prompts, strict=True)
            if len(prompt) <= self.settings.max_tokens
        ]
        examples.sort(key=lambda example: len(example.prompt))
        passes = cut(examples, self.settings.pass_tokens) if examples else []
        shares = self._objective.shares(passes)
        values: Values = {}
        for number, part in enumerate(passes):
            with self._compute.autocast():
                seed = item_seed(self.settings.seed, "validation", number)
                losses = self._objective(part, shares, seed=seed)
            for name, value in losses.parts.items():
                values[f"validation.{name}"] = values.get(f"validation.{name}", 0.0) + value
        return values

    def _resume(self, state: Mapping[str, Any]) -> None:
        self.step = int(state["step"])
        self.system.model.resume(state["parts"])
        self._mark_trained()
        self._optimizer.load(state["optimizer"])
        self._meter = Meter(**state["meter"])

    def _mark_trained(self) -> None:
        self.system.model.mark_trained(self.settings.parts, channels=self.settings.channels)

    def _training_mode(self) -> None:
        """Dropout and noise in what is trained, nowhere else."""
        model = self.system.model
        model.eval()
        for part, modules in (("input", model.inputs), ("output", model.outputs)):
            for name, module in modules.items():
                module.train(part in self.settings.parts and self.settings.teaches(name))
        model.backbone.train("lora" in self.settings.parts)

    @contextmanager
    def _noise(self, *path: int | str) -> Iterator[None]:
        """torch draws from a seed of this place's own; outside nothing has changed."""
        device = self.system.model.backbone.device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(item_seed(self.settings.seed, *path))
            yield


def _check_parts(system: System, settings: RunSettings) -> None:
    """Hold on the way in that what is to be trained is there, and can be.

    Raises:
        TrainingError: it is not.
    """
    model = system.model
    named = (*(settings.channels or ()), *settings.alignment_weights)
    strange = [n for n in dict.fromkeys(named) if n not in system.plan.channels]
    if strange:
        known = ", ".join(system.plan.channels) or "none"
        raise TrainingError(
            ", ".join(strange), f"is no channel of this system (its channels: {known})", "name one"
        )
    inputs = {n: module for n, module in model.inputs.items() if settings.teaches(n)}
    outputs = {n: module for n, module in model.outputs.items() if settings.teaches(n)}
    have = {
        "input": bool(inputs),
        "output": bool(outputs),
        "signals": any(map(settings.teaches, model.vocabulary.channels)),
        "written": any(map(settings.teaches, model.vocabulary.channels)),
        "lora": "lora" in model.state_by_part(),
    }
    lacking = [part for part in settings.parts if not have[part]]
    if lacking:
        raise TrainingError(
            ", ".join(lacking),
            "is to be trained, and the system has none",
            "add it to the config (llm.lora, encoders, decoders), or set run.parts",
        )
    if "written" in settings.parts and not settings.text:
        raise TrainingError(
            "written", "is learned from the text alone, whose weight is 0", "set text above 0"
        )
    captioned = {name for name, decoder in system.decoders.items() if decoder.spec.captions}
    if settings.matching and not captioned & inputs.keys():
        raise TrainingError(
            "matching",
            "no channel has both an encoder and a decoder with caption targets",
            "set run.matching to 0",
        )
    for name in outputs if settings.matching else ():
        count, given = len(model.vocabulary.block(name).ids), inputs.get(name)
        if given and bound_to_signals(system.plan, name, given.tokens):
            raise TrainingError(
                f"output projection of {name}",
                f"reads {count} signals, and matching gives it {given.tokens} tokens",
                "set its kind to query, or matching to 0",
            )
    if "output" in settings.parts and (settings.alignment or settings.denoising):
        mute = [name for name in outputs if name not in captioned]
        if mute:
            raise TrainingError(
                ", ".join(mute),
                "its decoder has neither caption targets nor a denoising loss to learn from",
                "leave the channel's decoder out, or choose another",
            )
