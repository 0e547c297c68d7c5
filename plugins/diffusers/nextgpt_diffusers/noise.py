"""Noise, times, targets and weights of denoising, one generator per item. Knows no model.

Legend: B batch, ... the shape of one latent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Generator, Tensor

from nextgpt_diffusers.samplers import DDPM, process_of, shift_of
from nextgpt_registry.errors import DecodeError


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
    published: Any,
    *,
    min_snr: float | None = None,
    shift: float | None = None,
    who: str = "decoder",
) -> Noised:
    """Noise at a random time for each item, as the pipeline's own scheduler adds it.

    `shift` moves the times of a flow towards noise; None: as far as the scheduler's config says.

    Raises:
        DecodeError: how the scheduler adds noise is not known here, or min-SNR is asked for and
            the pipeline predicts a flow.
    """
    process = process_of(published)
    if process == "unknown":
        raise DecodeError(
            who,
            f"has a {type(published).__name__}, and how that one adds noise is not known here",
            "train without the denoising loss (`denoising: 0`), or with a pipeline that has one "
            f"of: {', '.join(sorted(DDPM))}",
        )
    if process == "diffusion":
        return _diffused(latents, generators, published, min_snr)
    if process == "cosine":
        return _turned(latents, generators, min_snr)
    if min_snr is not None:
        raise DecodeError(
            who, "min_snr is not defined for a pipeline that predicts a flow", "take it out"
        )
    return _mixed(latents, generators, shift_of(published) if shift is None else shift)


def loss(said: Tensor, far: Noised) -> Tensor:
    """(B, ...) -> (B,): the mean of squares of each item, times its weight."""
    return (said.float() - far.target.float()).square().flatten(1).mean(1) * far.weights


def snr_weights(snr_B: Tensor, kind: str, at_most: float | None) -> Tensor:
    """min(SNR, at_most) for each item, in the terms of what is predicted (arXiv 2303.09556)."""
    if at_most is None:
        return torch.ones_like(snr_B)
    if kind == "epsilon":
        return (at_most / snr_B).clamp(max=1)
    least = snr_B.clamp(max=at_most)
    return least / (snr_B + 1) if kind == "v_prediction" else least


def _diffused(
    latents: Tensor, generators: Sequence[Generator], published: Any, min_snr: float | None
) -> Noised:
    said = dict(published.config)
    said.pop("_use_default_values", None)  # else betas left to this class would be left to DDPM's
    with torch.device("cpu"):
        scheduler = DDPMScheduler.from_config(said)
    kind, count = scheduler.config.prediction_type, scheduler.config.num_train_timesteps
    drawn = [torch.randint(count, (), generator=one, device=one.device) for one in generators]
    times = torch.stack([time.to(latents.device) for time in drawn])
    noise = draw(latents.shape[1:], generators, latents)
    if kind == "v_prediction":
        target = scheduler.get_velocity(latents, noise, times)
    else:
        target = {"epsilon": noise, "sample": latents}[kind]
    kept = scheduler.alphas_cumprod[times.cpu()].to(latents.device)
    weights = snr_weights(kept / (1 - kept), kind, min_snr)
    return Noised(scheduler.add_noise(latents, noise, times), times, target, weights)


def _mixed(latents: Tensor, generators: Sequence[Generator], shift: float) -> Noised:
    """Along a straight line: at sigma, (1 - sigma) of it and sigma of noise; times up to 1000."""
    even = _uniform(generators, latents)
    sigmas = shift * even / (1 + (shift - 1) * even)
    noise = draw(latents.shape[1:], generators, latents)
    part = _beside(sigmas, latents)
    return Noised(
        (1 - part) * latents + part * noise, 1000 * sigmas, noise - latents, torch.ones_like(sigmas)
    )


def _turned(latents: Tensor, generators: Sequence[Generator], min_snr: float | None) -> Noised:
    """By an angle: cos of it and sin of noise; the target is the velocity, times go from 0 to 1."""
    times = _uniform(generators, latents)
    angles = times * math.pi / 2
    noise = draw(latents.shape[1:], generators, latents)
    cos, sin = _beside(angles.cos(), latents), _beside(angles.sin(), latents)
    weights = snr_weights(angles.tan().square().reciprocal(), "v_prediction", min_snr)
    return Noised(cos * latents + sin * noise, times, cos * noise - sin * latents, weights)


def _uniform(generators: Sequence[Generator], like: Tensor) -> Tensor:
    drawn = [torch.rand((), generator=one, device=one.device) for one in generators]
    return torch.stack([one.to(like.device) for one in drawn])


def _beside(x_B: Tensor, latents: Tensor) -> Tensor:
    return x_B.to(latents.dtype).reshape(-1, *[1] * (latents.dim() - 1))
