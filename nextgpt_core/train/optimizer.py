"""The optimizer of a run and its rates. Knows parameters by the part they belong to, no more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.optim import AdamW

from nextgpt_core.train.settings import RunSettings


class Optimizer:
    """AdamW over some parts, each with a rate of its own, on a schedule of the step's number."""

    def __init__(self, parts: Mapping[str, Sequence[nn.Parameter]], settings: RunSettings) -> None:
        rates = {str(part): rate for part, rate in settings.rates.items()}
        self._settings = settings
        self._parameters = [p for parameters in parts.values() for p in parameters]
        self._adam = AdamW(
            [
                {"params": list(parameters), "factor": rates.get(part, 1.0)}
                for part, parameters in parts.items()
                if parameters
            ],
            lr=settings.lr,
            betas=(0.9, 0.99),
            weight_decay=settings.weight_decay,
        )

    def step(self, step: int) -> dict[str, float]:
        """Clip, update, clear; returns the rate and the gradient's norm."""
        rate = self._settings.lr * factor(step, self._settings)
        for group in self._adam.param_groups:
            group["lr"] = rate * group["factor"]
        norm: Tensor = nn.utils.clip_grad_norm_(self._parameters, self._settings.clip)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return {"rate": rate, "gradient": norm.item()}

    def state(self) -> dict[str, object]:
        """Everything that goes on with it."""
        return dict(self._adam.state_dict())

    def load(self, state: Mapping[str, object]) -> None:
        """Go on from a state."""
        self._adam.load_state_dict(dict(state))


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
