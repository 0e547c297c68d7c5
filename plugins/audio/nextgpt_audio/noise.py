"""Noise, times and targets of denoising, one generator per item. Knows no model.

Legend: B batch, ... the shape of one latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Generator, Tensor


@dataclass(frozen=True)
class Noised:
    """Latents part of the way to noise, and what a denoiser is to say of them."""

    latents: Tensor
    times: Tensor
    target: Tensor


def draw(shape: Sequence[int], generators: Sequence[Generator], like: Tensor) -> Tensor:
    """(B, ...) normal noise: row b from generator b, wherever that one lives."""
    rows = [torch.randn(shape, generator=one, device=one.device) for one in generators]
    return torch.stack([row.to(like.device, like.dtype) for row in rows])


def noised(latents: Tensor, generators: Sequence[Generator], schedule: Mapping[str, Any]) -> Noised:
    """Noise at a random time for each item; the target is of the schedule's `prediction_type`."""
    scheduler = DDPMScheduler(**schedule)
    count = int(schedule["num_train_timesteps"])
    drawn = [torch.randint(count, (), generator=one, device=one.device) for one in generators]
    times = torch.stack([time.to(latents.device) for time in drawn])
    noise = draw(latents.shape[1:], generators, latents)
    kind = schedule["prediction_type"]
    if kind == "v_prediction":
        target = scheduler.get_velocity(latents, noise, times)
    else:
        target = {"epsilon": noise, "sample": latents}[kind]
    return Noised(scheduler.add_noise(latents, noise, times), times, target)


def loss(said: Tensor, target: Tensor) -> Tensor:
    """(B, ...) -> (B,) mean squared differences."""
    return (said.float() - target.float()).square().flatten(1).mean(1)
