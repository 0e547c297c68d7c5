"""What a stage learns: some parts of a system, on dialogues. Knows no schedule and no log."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from nextgpt_core.answer import item_seed
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.system import System
from nextgpt_core.training.compute import Compute
from nextgpt_core.training.data import Batches, Dialogues, Example, Rehearsed, cut
from nextgpt_core.training.folder import RunFolder
from nextgpt_core.training.forward import Starts
from nextgpt_core.training.loop import Learned, Loop, Objective, Pace, finite
from nextgpt_core.training.losses import PassLoss
from nextgpt_core.training.media import Composing
from nextgpt_core.training.meter import Values
from nextgpt_core.training.optimizer import by_part
from nextgpt_core.training.planned import check_parts
from nextgpt_core.training.samples import Samples
from nextgpt_core.training.settings import RunSettings

_STATES_IN_MEMORY = 512 << 20  # bytes


class Stage(Objective):
    """Some parts of a system, trained on dialogues.

    Raises:
        TrainingError: what is to be trained is not there, or cannot be.
    """

    def __init__(
        self,
        system: System,
        source: Any,
        settings: RunSettings,
        run: RunFolder,
        *,
        cache: TensorCache,
        rehearsed: Sequence[Any] = (),
    ) -> None:
        self._system, self._settings, self._run, self._cache = system, settings, run, cache
        check_parts(system.plan, settings)
        self._compute = Compute(system.model.backbone.device, settings.precision)
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
        self._pass_loss = PassLoss(system, cache, settings, starts, states)

    def loop(self, *, title: str = "training") -> Loop:
        """What trains it."""
        settings = self._settings
        # Of the model's parts, frozen ones too: a frozen part must not draw noise or drop out.
        parts = self._system.model.trainable(settings.parts, channels=settings.channels)
        optimizer = by_part(parts, settings, clipped=self._compute.clip)
        pace = Pace(settings.steps, settings.log_every, settings.save_s, settings.sample_s)
        return Loop(self._run, self, optimizer, pace, title=title)

    def learn(self, step: int) -> Learned:
        """The step's dialogues, in as many passes as they take."""
        passes = self._batches.step(step)
        shares = self._pass_loss.shares(passes)
        values: Values = {}
        self._training_mode()
        for number, examples in enumerate(passes):
            with self._noise("step", step, number), self._compute.autocast():
                seed = item_seed(self._settings.seed, "step", step, number)
                losses = self._pass_loss(examples, shares, seed=seed)
            if finite(losses.total, step).requires_grad:
                self._compute.backward(losses.total)
            for name, value in losses.parts.items():
                values[name] = values.get(name, 0.0) + value
        prompts = [example.prompt for examples in passes for example in examples]
        return Learned(values, {"tokens": sum(map(len, prompts)), "dialogues": len(prompts)})

    def moved(self) -> None:
        """Remember that these parts are trained."""
        settings = self._settings
        self._system.model.mark_trained(settings.parts, channels=settings.channels)

    def told(self) -> Values:
        """How much of what was asked for was in the cache."""
        return {"speed.cached": self._cache.share()}

    def state(self) -> Mapping[str, Any]:
        """The parts."""
        return {"parts": self._system.model.state_by_part()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up the parts."""
        self._system.model.resume(state["parts"])
        self.moved()

    def saved(self) -> None:
        """The trained parts, for a later stage."""
        self._run.save_parts(self._system.model.trained_state())

    def look(self, step: int) -> Values:
        """Validate, and answer the fixed prompts."""
        settings = self._settings
        kept = self._dialogues.kept(max(settings.validate_on, settings.samples))
        self._system.model.eval()
        with torch.no_grad(), self._noise("validation"):
            values = self._validate(kept[: settings.validate_on])
            shown = Samples.of(kept[: settings.samples], tokens=settings.sample_tokens)
            shown.show(self._system, self._run, step, within=self._compute.autocast)
        return values

    def ended(self) -> None:
        """Let go of what is made ahead."""
        self._batches.close()

    def _validate(self, dialogues: list[Any]) -> Values:
        prompts = [self._composing(dialogue) for dialogue in dialogues]
        examples = [
            Example(dialogue, prompt)
            for dialogue, prompt in zip(dialogues, prompts, strict=True)
            if len(prompt) <= self._settings.max_tokens
        ]
        examples.sort(key=lambda example: len(example.prompt))
        passes = cut(examples, self._settings.pass_tokens) if examples else []
        shares = self._pass_loss.shares(passes)
        values: Values = {}
        for number, part in enumerate(passes):
            with self._compute.autocast():
                seed = item_seed(self._settings.seed, "validation", number)
                losses = self._pass_loss(part, shares, seed=seed)
            for name, value in losses.parts.items():
                values[f"validation.{name}"] = values.get(f"validation.{name}", 0.0) + value
        return values

    def _training_mode(self) -> None:
        """Dropout and noise in what is trained, nowhere else."""
        model = self._system.model
        model.eval()
        for part, modules in (("input", model.inputs), ("output", model.outputs)):
            for name, module in modules.items():
                module.train(part in self._settings.parts and self._settings.teaches(name))
        model.backbone.train("lora" in self._settings.parts)

    @contextmanager
    def _noise(self, *path: int | str) -> Iterator[None]:
        """torch draws from a seed of this place's own; outside nothing has changed."""
        device = self._system.model.backbone.device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(item_seed(self._settings.seed, *path))
            yield
