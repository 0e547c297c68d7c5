"""The optimizer of a run and its rates. Knows parameters by the part they belong to, no more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nextgpt_core.assembly.stages import ROWS
from nextgpt_core.training.muon import Muon
from nextgpt_core.training.settings import RunSettings

Group = dict[str, Any]
"""`params`, and the `factor` of their rate; `weight_decay`, where it is another than the run's."""


class Optimizer:
    """AdamW, and Muon for some matrices, at rates that follow from the step's number.

    Updates of Muon (Jordan et al., 2024) are as large in every direction, so that directions in
    which the language model's states vary little are learned too.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        adam: Sequence[Group],
        muon: Sequence[Group],
        *,
        rate: Callable[[int], float],
        weight_decay: float,
        clip: float,
        clipped: Callable[[Sequence[nn.Parameter], float], Tensor] = nn.utils.clip_grad_norm_,
    ) -> None:
        adam, muon = ([group for group in groups if group["params"]] for groups in (adam, muon))
        self._parameters = parameters
        self._rate, self._clip, self._clipped = rate, clip, clipped
        self._each: list[torch.optim.Optimizer] = []
        if adam:
            self._each.append(
                torch.optim.AdamW(adam, lr=rate(0), betas=(0.9, 0.99), weight_decay=weight_decay)
            )
        if muon:
            self._each.append(Muon(muon, lr=rate(0), weight_decay=weight_decay))

    def step(self, step: int) -> dict[str, float]:
        """Clip, update, clear; returns the rate and the gradient's norm."""
        rate = self._rate(step)
        norm = self._clipped(self._parameters, self._clip)
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


def by_part(
    parts: Mapping[str, Sequence[nn.Parameter]],
    settings: RunSettings,
    *,
    clipped: Callable[[Sequence[nn.Parameter], float], Tensor] = nn.utils.clip_grad_norm_,
) -> Optimizer:
    """The optimizer of a stage: each part at a rate of its own.

    With `optimizer: muon`, matrices of projections and adapters follow Muon. All else follows
    AdamW, as the signals do.
    """
    matrices = {
        id(p)
        for part, parameters in parts.items()
        for p in parameters
        if settings.optimizer == "muon" and part not in ROWS and p.dim() == 2
    }
    adam, muon = (
        [
            _group(part, [p for p in parameters if (id(p) in matrices) == of_matrices], settings)
            for part, parameters in parts.items()
        ]
        for of_matrices in (False, True)
    )
    return Optimizer(
        [p for parameters in parts.values() for p in parameters],
        adam,
        muon,
        rate=lambda step: settings.lr * factor(step, settings),
        weight_decay=settings.weight_decay,
        clip=settings.clip,
        clipped=clipped,
    )


def _group(part: str, parameters: Sequence[nn.Parameter], settings: RunSettings) -> Group:
    rates = {str(name): rate for name, rate in settings.rates.items()}
    group: Group = {"params": parameters, "factor": rates.get(part, 1.0)}
    if part in ROWS and settings.channels is not None:
        group["weight_decay"] = 0.0  # it would move the rows of other channels
    return group


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
