"""EfficientNet-Lite0 up to its last feature map, with the published checkpoint's names.

Legend: B batch, H W pixels (224), h w cells (7). Source: Tan and Le, 2019; the Lite variants drop
squeeze-and-excitation and use ReLU6. Convolutions pad as TensorFlow's "same" does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

WIDTH = 1280
SIDE = 224
CELLS = 7

# repeats, kernel, stride, expansion, channels out
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class _Same(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        extra = [max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[-2:]]
        (top, left) = (extra[0] // 2, extra[1] // 2)
        return super().forward(pad(x, (left, extra[1] - left, top, extra[0] - top)))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    def __init__(self, given: int, kernel: int, stride: int, expansion: int, made: int) -> None:
        super().__init__()
        inner = given * expansion
        self.expands = expansion > 1
        self.keeps = stride == 1 and given == made
        if self.expands:
            self._expand_conv = _Same(given, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self._depthwise_conv = _Same(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = _norm(inner)
        self._project_conv = _Same(inner, made, 1, bias=False)
        self._bn2 = _norm(made)

    def forward(self, x: Tensor) -> Tensor:
        y = relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.keeps else y


class EfficientNetLite0(nn.Module):
    """(B, 3, 224, 224), scaled as (byte - 127) / 128, -> (B, 1280, 7, 7)."""

    def __init__(self) -> None:
        """Random weights; the checkpoint's classifier has no place here."""
        super().__init__()
        self._conv_stem = _Same(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks, given = [], 32
        for repeats, kernel, stride, expansion, made in _STAGES:
            for n in range(repeats):
                blocks.append(_Block(given, kernel, 1 if n else stride, expansion, made))
                given = made
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _Same(given, WIDTH, 1, bias=False)
        self._bn1 = _norm(WIDTH)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 1280, H/32, W/32)."""
        x = relu6(self._bn0(self._conv_stem(x_BCHW.contiguous(memory_format=torch.channels_last))))
        for block in self._blocks:
            x = block(x)
        return relu6(self._bn1(self._conv_head(x)))
