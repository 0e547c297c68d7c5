"""Pixels to latents and back: a small convolutional autoencoder with whitened channels.

Legend: B batch, C channels, H W pixels, c latent channels (16), h w = H/8 W/8.

Pixels are folded 2x2 into channels first, which makes the network four times cheaper.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

LATENT_CHANNELS = 16
FOLD = 2


class Latents(nn.Module):
    """diffusers' `AutoencoderKL`, its latents scaled to mean 0 and deviation 1 per channel."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, widths: tuple[int, int, int]) -> None:
        """For pictures of `channels` channels; `widths` at 1/2, 1/4 and 1/8 resolution."""
        super().__init__()
        self.vae = AutoencoderKL(
            in_channels=channels * FOLD**2,
            out_channels=channels * FOLD**2,
            down_block_types=("DownEncoderBlock2D",) * len(widths),
            up_block_types=("UpDecoderBlock2D",) * len(widths),
            block_out_channels=widths,
            layers_per_block=1,
            latent_channels=LATENT_CHANNELS,
            norm_num_groups=8,
            mid_block_add_attention=False,
            use_quant_conv=False,
            use_post_quant_conv=False,
        )
        self.register_buffer("mean", torch.zeros(LATENT_CHANNELS))
        self.register_buffer("deviation", torch.ones(LATENT_CHANNELS))

    def posterior(self, x_BCHW: Tensor) -> DiagonalGaussianDistribution:
        """(B, C, H, W) -> the distribution of raw latents."""
        return self.vae.encode(pixel_unshuffle(x_BCHW, FOLD)).latent_dist

    def reconstruct(self, z_Bchw: Tensor) -> Tensor:
        """Raw latents -> (B, C, H, W)."""
        return pixel_shuffle(self.vae.decode(z_Bchw).sample, FOLD)

    def encode(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, c, h, w), the mean of the posterior, whitened."""
        z_BchW: Tensor = self.posterior(x_BCHW).mode()
        return (z_BchW - self.mean[:, None, None]) / self.deviation[:, None, None]

    def decode(self, z_Bchw: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, C, H, W) in about [-1, 1]."""
        z_Bchw = z_Bchw * self.deviation[:, None, None] + self.mean[:, None, None]
        return self.reconstruct(z_Bchw)
