"""Train the painter: from latents with noise on them to the pixels they came from."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import torch
from torch import Generator, Tensor

from nextgpt_core.training.module import Run, quickly, train
from nextgpt_mini.painter import PictureLatents

BATCH = 16
NOISE = 0.3
"""At most this deviation: about what is left on a sample of the denoisers."""


def train_painter(
    latents: PictureLatents,
    draw: Callable[[Random], Tensor],
    run: Run,
    *,
    sample: Callable[[], None] | None = None,
) -> None:
    """`draw` gives a picture, (3, H, W) in [-1, 1]; the linear part stays as it was fitted."""
    latents.painter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(step: int) -> Tensor:
        rng, generator = Random(step), Generator().manual_seed(step)
        x = torch.stack([draw(rng) for _ in range(BATCH)])
        with torch.no_grad():
            z = latents.encode(x)
            noise = torch.randn(z.shape, generator=generator)
            z = z + noise * torch.rand((BATCH, 1, 1, 1), generator=generator) * NOISE
        with quickly():
            painted = latents.decode(z)
        return _distance(painted.float() - x)

    train(run, "Painter", latents.painter, loss, lr=2e-3, decay=0.998, sample=sample)


def _distance(off: Tensor) -> Tensor:
    """(B, C, H, W) differences -> their mean, and that of their edges."""
    across, down = off[..., 1:] - off[..., :-1], off[..., 1:, :] - off[..., :-1, :]
    return off.abs().mean() + across.abs().mean() + down.abs().mean()
