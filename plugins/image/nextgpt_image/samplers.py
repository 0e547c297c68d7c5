"""Samplers by name, diffusers' own, for a schedule of noise. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

_KINDS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
    "dpm++": (DPMSolverMultistepScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-ancestral": (EulerAncestralDiscreteScheduler, {}),
    "unipc": (UniPCMultistepScheduler, {}),
}


def sampler(name: str, schedule: Mapping[str, Any]) -> Any:
    """A sampler of its own for one call; it predicts what the schedule says."""
    kind, more = _KINDS[name]
    with torch.device("cpu"):  # schedules are tables of numbers, not weights to be placed
        return kind(**{"steps_offset": 1, **schedule, **more})
