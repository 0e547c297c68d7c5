"""Samplers by name: those of diffusers that fit what a pipeline predicts. Knows no pipeline."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Literal

from diffusers import (
    CosineDPMSolverMultistepScheduler,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
)

from nextgpt_registry.errors import DecodeError

Process = Literal["diffusion", "flow", "cosine", "unknown"]
"""How noise is added: by the variance-preserving steps of DDPM, along a straight line (rectified
flow), by an angle in continuous time, or in a way that only the scheduler itself knows."""

DDPM = frozenset(
    f"{name}Scheduler"
    for name in (
        "DDIM",
        "DDIMParallel",
        "DDPM",
        "DDPMParallel",
        "DEISMultistep",
        "DPMSolverMultistep",
        "DPMSolverSDE",
        "DPMSolverSinglestep",
        "EulerAncestralDiscrete",
        "EulerDiscrete",
        "HeunDiscrete",
        "KDPM2AncestralDiscrete",
        "KDPM2Discrete",
        "LCM",
        "LMSDiscrete",
        "PNDM",
        "SASolver",
        "TCD",
        "UniPCMultistep",
    )
)
"""The classes of diffusers whose noise is DDPM's, by the betas of their config."""
_PREDICTED = ("epsilon", "sample", "v_prediction")

_FITTING: Mapping[Process, Mapping[str, tuple[Any, Mapping[str, Any]]]] = {
    "diffusion": {
        "ddim": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
        "dpm++": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
        "euler": (EulerDiscreteScheduler, {}),
        "euler-ancestral": (EulerAncestralDiscreteScheduler, {}),
        "unipc": (UniPCMultistepScheduler, {}),
    },
    "flow": {
        "dpm++": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
        "euler": (FlowMatchEulerDiscreteScheduler, {}),
        "unipc": (UniPCMultistepScheduler, {}),
    },
    "cosine": {},
    "unknown": {},
}


def process_of(published: Any) -> Process:
    """The process of a pipeline's own scheduler, by its class and its config."""
    config, own = published.config, type(published)
    if own is FlowMatchEulerDiscreteScheduler:
        return "flow"
    if own is CosineDPMSolverMultistepScheduler:
        return "cosine"
    if own.__name__ not in DDPM or config.get("timestep_type") == "continuous":
        return "unknown"
    if config.get("use_flow_sigmas"):
        return "flow"
    return "diffusion" if config.get("prediction_type") in _PREDICTED else "unknown"


def shift_of(published: Any, *, mu: float | None = None) -> float:
    """How far the times of a flow are moved towards noise; 1 is not at all.

    `mu` is what a pipeline finds for a size, where its scheduler's config says that it is asked.
    """
    config = published.config
    if mu is not None and config.get("use_dynamic_shifting"):
        return mu if config.get("time_shift_type") == "linear" else math.exp(mu)
    return float(config.get("flow_shift", config.get("shift", 1.0)))


def sampler(published: Any, name: str, *, who: str, only: Collection[str] | None = None) -> Any:
    """A sampler of its own for one call, set up as the pipeline's is.

    `only` names those that the pipeline's call can use; None: any that fits what it predicts.

    Raises:
        DecodeError: no sampler of this name fits.
    """
    if name == "published":
        return type(published).from_config(published.config)
    process = process_of(published)
    fitting = [one for one in _FITTING[process] if only is None or one in only]
    if name not in fitting:
        raise DecodeError(
            who,
            f"scheduler {name!r} does not fit what it predicts",
            f"use one of: {', '.join(('published', *fitting))}",
        )
    kind, changes = _FITTING[process][name]
    if process == "flow":
        shift = shift_of(published)
        changes = {
            **changes,
            **({"shift": shift} if kind is FlowMatchEulerDiscreteScheduler else _flow(shift)),
        }
    return kind.from_config(published.config, **changes)


def _flow(shift: float) -> dict[str, Any]:
    return {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
