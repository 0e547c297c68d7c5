"""Train the autoencoder behind mini's latents on rendered scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, l1_loss

from nextgpt_mini.latents import Latents
from nextgpt_mini.train.run import Run, train


def reconstruction_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Absolute error at four scales plus that of the horizontal and vertical steps (edges)."""
    loss = l1_loss(made.diff(dim=-1), wanted.diff(dim=-1))
    loss = loss + l1_loss(made.diff(dim=-2), wanted.diff(dim=-2))
    for scale in (1, 2, 4, 8):
        loss = loss + l1_loss(avg_pool2d(made, scale), avg_pool2d(wanted, scale))
    return loss


def train_autoencoder(
    latents: Latents,
    pixels: Callable[[int], Tensor],
    run: Run,
    *,
    lr: float = 2e-3,
    kl: float = 1e-4,
    sample: Callable[[], None] | None = None,
) -> None:
    """`pixels(step)` gives a batch (B, C, H, W) in [-1, 1]; ends by measuring the latents."""

    def loss(step: int) -> Tensor:
        torch.manual_seed(step)
        x = pixels(step).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = latents.posterior(x)
            made = latents.reconstruct(posterior.sample())
        return reconstruction_loss(made.float(), x) + kl * posterior.kl().mean()

    latents.to(memory_format=torch.channels_last)
    train(run, "autoencoder", latents, loss, lr=lr, decay=0.995, sample=sample)
    measure(latents, (pixels(run.steps + n) for n in range(16)))


@torch.no_grad()
def measure(latents: Latents, batches: Iterator[Tensor]) -> None:
    """Set mean and deviation per channel so that latents come out whitened."""
    z = torch.cat([latents.posterior(x).mode().transpose(0, 1).flatten(1) for x in batches], 1)
    latents.mean.copy_(z.mean(1))
    latents.deviation.copy_(z.std(1))
