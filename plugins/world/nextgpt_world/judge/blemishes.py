"""Blemishes that generated media have: noise, blur, small shifts, blocks, odd levels.

Judges are trained with them, so that they say what an imperfect medium shows. Legend: B batch,
C channels, H and W height and width. Whatever belongs together (the frames of a clip) shares its
place in the first dimension and is blemished alike.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate, pad


def blemish_pictures(x_BCHW: Tensor, generator: Generator) -> Tensor:
    """Pixels in [-1, 1]; C may hold several frames of three channels. One in six stays clean."""
    clean = x_BCHW
    x = _moved(x_BCHW, generator)
    for spoil, share in ((_blurred, 0.5), (_coarse, 0.3), (_blocky, 0.4), (_levelled, 0.5)):
        x = _some(x, spoil(x, generator), share, generator)
    x = x + _uniform(x, 0, 0.12, generator) * torch.randn(x.shape, generator=generator)
    return _some(x, clean, 1 / 6, generator).clamp(-1, 1)


def blemish_sounds(x_BCHW: Tensor, generator: Generator) -> Tensor:
    """Log mel spectrograms in about [-1, 1], C = 1, H bins, W frames. One in six stays clean."""
    clean = x_BCHW
    shift = int(torch.randint(-4, 5, (1,), generator=generator))
    x = pad(x_BCHW, (max(shift, 0), max(-shift, 0)), value=-1.0)
    x = x[..., -shift:] if shift < 0 else x[..., : x.shape[-1] - shift]
    for spoil, share in ((_blurred, 0.4), (_coarse, 0.2)):
        x = _some(x, spoil(x, generator), share, generator)
    x = x + _uniform(x, -0.12, 0.12, generator)
    floor = _uniform(x, -1.0, -0.6, generator)
    x = _some(x, torch.maximum(x, floor), 0.4, generator)
    x = x + _uniform(x, 0, 0.1, generator) * torch.randn(x.shape, generator=generator)
    return _some(x, clean, 1 / 6, generator).clamp(-1, 1.2)


def _uniform(x: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand((len(x), 1, 1, 1), generator=generator) * (high - low) + low


def _some(x: Tensor, spoilt: Tensor, share: float, generator: Generator) -> Tensor:
    return torch.where(_uniform(x, 0, 1, generator) < share, spoilt, x)


def _moved(x: Tensor, generator: Generator) -> Tensor:
    """Up to 8 % larger or smaller, up to 2 pixels aside."""
    theta = torch.zeros(len(x), 2, 3)
    scale = 1 + (torch.rand(len(x), generator=generator) * 2 - 1) * 0.08
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = (torch.rand((len(x), 2), generator=generator) * 2 - 1) * 4 / x.shape[-1]
    grid = affine_grid(theta, list(x.shape), align_corners=False)
    return grid_sample(x, grid, padding_mode="border", align_corners=False)


def _blurred(x: Tensor, generator: Generator) -> Tensor:
    width = float(torch.rand(1, generator=generator)) + 0.4
    taps = [math.exp(-0.5 * (n / width) ** 2) for n in range(-3, 4)]
    around = pad(x, (3, 3, 3, 3), mode="replicate")
    # Shifted sums: a convolution of single channels takes three times as long on a CPU.
    rows, both = torch.zeros(()), torch.zeros(())
    for n, tap in enumerate(taps):
        rows = rows + tap * around[..., n : n + x.shape[-2], :]
    for n, tap in enumerate(taps):
        both = both + tap * rows[..., n : n + x.shape[-1]]
    return both / sum(taps) ** 2


def _coarse(x: Tensor, generator: Generator) -> Tensor:
    del generator
    return interpolate(avg_pool2d(x, 2), x.shape[-2:], mode="bilinear", align_corners=False)


def _levelled(x: Tensor, generator: Generator) -> Tensor:
    return x * _uniform(x, 0.85, 1.1, generator) + _uniform(x, -0.08, 0.08, generator)


def _blocky(x: Tensor, generator: Generator) -> Tensor:
    """Blocks of 8 x 8 with rounded cosine coefficients, as JPEG leaves them."""
    rows, columns = x.shape[-2] // 8, x.shape[-1] // 8
    blocks = x.unflatten(-1, (columns, 8)).unflatten(-3, (rows, 8)).transpose(-3, -2)
    step = _uniform(x, 0.05, 0.4, generator)[..., None, None]
    rounded = (_cosines() @ blocks @ _cosines().T / step).round() * step
    return (_cosines().T @ rounded @ _cosines()).transpose(-3, -2).reshape(x.shape)


@cache
def _cosines() -> Tensor:
    n = torch.arange(8.0)
    basis = torch.cos(torch.pi * (n[None] + 0.5) * n[:, None] / 8) / 2
    basis[0] /= 2**0.5
    return basis
