"""Pixels to latents and back: square patches in their whitened principal components.

Legend: B batch, C channels, H W pixels, c components kept, h w patches along each side.

Linear, fitted in closed form, and a few kilobytes. Whitening is what matters for a small denoiser:
on raw patches it learns the background and leaves the rest noise, because nearly all of the squared
error is there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle


class Latents(nn.Module):
    """A patch <-> its leading components, each with variance 1."""

    mean: Tensor
    basis: Tensor
    deviation: Tensor

    def __init__(self, channels: int, kept: int, patch: int) -> None:
        """For pictures of `channels` channels; arbitrary until fitted or loaded."""
        super().__init__()
        self.patch = patch
        size = channels * patch**2
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.eye(size)[:, :kept].contiguous())
        self.register_buffer("deviation", torch.ones(kept))

    @torch.no_grad()
    def fit(self, x_BCHW: Tensor) -> float:
        """Fit to pictures; returns the share of their variance that is kept."""
        patches = pixel_unshuffle(x_BCHW, self.patch).movedim(1, -1).flatten(0, -2).double()
        mean = patches.mean(0)
        variances, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
        count = len(self.deviation)
        kept = variances[-count:].flip(0)
        self.mean.copy_(mean)
        self.basis.copy_(vectors[:, -count:].flip(1))
        self.deviation.copy_(kept.clamp_min(1e-8).sqrt())
        return float(kept.sum() / variances.sum())

    def encode(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, c, h, w)."""
        patches = pixel_unshuffle(x_BCHW, self.patch).movedim(1, -1) - self.mean
        return ((patches @ self.basis) / self.deviation).movedim(-1, 1)

    def decode(self, z_Bchw: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, C, H, W) in about [-1, 1]."""
        patches = (z_Bchw.movedim(1, -1) * self.deviation) @ self.basis.T + self.mean
        return pixel_shuffle(patches.movedim(-1, 1), self.patch)
