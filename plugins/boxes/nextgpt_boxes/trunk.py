"""EfficientNet-Lite0 down to cells of 16 pixels: what a picture looks like, learned elsewhere.

Its normalisations are folded into the convolutions, which pad as TensorFlow's "same" does. Source:
Tan and Le, 2019; the Lite variants have neither squeeze-and-excitation nor swish. Legend: B batch,
C channels, H W pixels, G cells along a side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

WIDTH = 112
STRIDE = 16

_STAGES = (  # repeats, kernel, stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, WIDTH),
)


class Trunk(nn.Module):
    """(B, 3, H, W), scaled as (byte - 127) / 128, -> (B, 112, H/16, W/16). Never trained here."""

    def __init__(self, repeats: int) -> None:
        """Random weights; at most `repeats` blocks of a stage, 3 being all."""
        super().__init__()
        self._conv_stem = _Same(3, 32, 3, 2)
        blocks, given = [], 32
        for count, kernel, stride, expansion, made in _STAGES:
            for n in range(min(count, repeats)):
                blocks.append(_Block(given, kernel, 1 if n else stride, expansion, made))
                given = made
        self._blocks = nn.ModuleList(blocks)
        self.requires_grad_(False)

    def forward(self, x_B3HW: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, G, G)."""
        x = relu6(self._conv_stem(x_B3HW.contiguous(memory_format=torch.channels_last)))
        for block in self._blocks:
            x = block(x)
        return x


class _Same(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        extra = [max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[-2:]]
        top, left = extra[0] // 2, extra[1] // 2
        return super().forward(pad(x, (left, extra[1] - left, top, extra[0] - top)))


class _Block(nn.Module):
    """Widen, look around in each channel alone, narrow; what came in is added where it fits."""

    def __init__(self, given: int, kernel: int, stride: int, expansion: int, made: int) -> None:
        super().__init__()
        inner = given * expansion
        self.keeps = stride == 1 and given == made
        self._expand_conv = _Same(given, inner, 1) if expansion > 1 else None
        self._depthwise_conv = _Same(inner, inner, kernel, stride, groups=inner)
        self._project_conv = _Same(inner, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self._expand_conv is None else relu6(self._expand_conv(x))
        y = self._project_conv(relu6(self._depthwise_conv(y)))
        return x + y if self.keeps else y
