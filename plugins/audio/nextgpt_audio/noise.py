"""Noise, times, targets and weights of denoising, one generator per item. Knows no model.

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
    """Latents part of the way to noise, what a denoiser is to say of them, and what that counts."""

    latents: Tensor
    times: Tensor
    target: Tensor
    weights: Tensor  # (B,)


def draw(shape: Sequence[int], generators: Sequence[Generator], like: Tensor) -> Tensor:
    """(B, ...) normal noise: row b from generator b, wherever that one lives."""
    rows = [torch.randn(shape, generator=one, device=one.device) for one in generators]
    return torch.stack([row.to(like.device, like.dtype) for row in rows])


def noised(
    latents: Tensor,
    generators: Sequence[Generator],
    schedule: Mapping[str, Any],
    min_snr: float | None = None,
) -> Noised:
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
    kept = scheduler.alphas_cumprod[times.cpu()].to(latents.device)
    weights = snr_weights(kept / (1 - kept), kind, min_snr)
    return Noised(scheduler.add_noise(latents, noise, times), times, target, weights)


def snr_weights(snr_B: Tensor, kind: str, at_most: float | None) -> Tensor:
    """min(SNR, at_most) for each item, in the terms of what is predicted (arXiv 2303.09556)."""
    if at_most is None:
        return torch.ones_like(snr_B)
    if kind == "epsilon":
        return (at_most / snr_B).clamp(max=1)
    least = snr_B.clamp(max=at_most)
    return least / (snr_B + 1) if kind == "v_prediction" else least


def loss(said: Tensor, far: Noised) -> Tensor:
    """(B, ...) -> (B,): the mean of squares of each item, times its weight."""
    return (said.float() - far.target.float()).square().flatten(1).mean(1) * far.weights
