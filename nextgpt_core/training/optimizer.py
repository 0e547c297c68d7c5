"""The optimizer of a run and its rates. Knows parameters by the part they belong to, no more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nextgpt_core.assembly.stages import ROWS
from nextgpt_core.training.muon import Muon
from nextgpt_core.training.settings import RunSettings


class Optimizer:
    """Updates some parts, each with a rate of its own, on a schedule of the step's number.

    With `optimizer: muon`, matrices of projections and adapters follow Muon (Jordan et al.,
    2024): its updates are as large in every direction, so that directions in which the language
    model's states vary little are learned too. All else follows AdamW, as the signals do.
    """

    def __init__(
        self,
        parts: Mapping[str, Sequence[nn.Parameter]],
        settings: RunSettings,
        *,
        clip: Callable[[Sequence[nn.Parameter], float], Tensor] = nn.utils.clip_grad_norm_,
    ) -> None:
        self._settings = settings
        self._clip = clip
        self._parameters = [p for parameters in parts.values() for p in parameters]
        matrices = {
            id(p)
            for part, parameters in parts.items()
            for p in parameters
            if settings.optimizer == "muon" and part not in ROWS and p.dim() == 2
        }
        lr, shrink = settings.lr, settings.weight_decay
        self._each: list[torch.optim.Optimizer] = []
        if groups := list(self._groups(parts, lambda p: id(p) not in matrices)):
            adam = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99), weight_decay=shrink)
            self._each.append(adam)
        if groups := list(self._groups(parts, lambda p: id(p) in matrices)):
            self._each.append(Muon(groups, lr=lr, weight_decay=shrink))

    def _groups(
        self, parts: Mapping[str, Sequence[nn.Parameter]], wanted: Callable[[nn.Parameter], bool]
    ) -> Iterator[dict[str, Any]]:
        rates = {str(part): rate for part, rate in self._settings.rates.items()}
        for part, parameters in parts.items():
            if chosen := [p for p in parameters if wanted(p)]:
                group: dict[str, Any] = {"params": chosen, "factor": rates.get(part, 1.0)}
                if part in ROWS and self._settings.channels is not None:
                    group["weight_decay"] = 0.0  # it would move the rows of other channels
                yield group

    def step(self, step: int) -> dict[str, float]:
        """Clip, update, clear; returns the rate and the gradient's norm."""
        rate = self._settings.lr * factor(step, self._settings)
        norm = self._clip(self._parameters, self._settings.clip)
        for optimizer in self._each:
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {"rate": rate, "gradient": norm.item()}

    def state(self) -> dict[str, object]:
        """Everything that goes on with it."""
        return {"each": [optimizer.state_dict() for optimizer in self._each]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        for optimizer, one in zip(self._each, state["each"], strict=True):
            optimizer.load_state_dict(one)


def factor(step: int, settings: RunSettings) -> float:
    """What the rate is multiplied by at a step counted from 0: it warms up, then decays to 0."""
    warmup = round(settings.warmup * settings.steps)
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(settings.steps - warmup, 1)
    match settings.decay:
        case "linear":
            return 1 - done
        case "cosine":
            return (1 + math.cos(math.pi * done)) / 2
    return 1.0
