"""Latents of pictures to sharp pixels: a small convolutional network on top of the linear way back.

Legend: B batch, c latent components, h w latent height and width, C channels of a layer.

The linear way back can only blur what the kept components leave out, and shows every error of a
denoiser as a block of its patch. This network has seen the world's things: it is trained to paint
them sharp from latents with noise on them.
"""

from __future__ import annotations

from torch import Tensor, channels_last, nn
from torch.nn.functional import silu

from nextgpt_mini.latents import Latents

WIDTHS = (128, 64, 32)
"""Channels at 1, 2 and 4 times the latents' size; at 8 times there are pixels."""


class PictureLatents(Latents):
    """Patches of 8x8 in their leading components, and back to pixels through the painter."""

    def __init__(self, kept: int) -> None:
        """Random until fitted and trained, or loaded."""
        super().__init__(3, kept, 2 ** len(WIDTHS))
        layers: list[nn.Module] = [nn.Conv2d(kept, WIDTHS[0], 3, padding=1)]
        for width, after in zip(WIDTHS, (*WIDTHS[1:], 3), strict=True):
            layers += [_Residual(width), _Residual(width)]
            layers += [nn.Conv2d(width, 4 * after, 3, padding=1), nn.PixelShuffle(2)]
        self.painter = nn.Sequential(*layers)

    def decode(self, z_Bchw: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, 3, 8h, 8w) in about [-1, 1]."""
        last = z_Bchw.contiguous(memory_format=channels_last)  # convolutions of a CPU want it
        return super().decode(z_Bchw) + self.painter(last)


class _Residual(nn.Module):
    """(B, C, H, W) -> the same; the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(silu(x))
        return x + self.second(silu(y))
