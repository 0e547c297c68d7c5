"""EfficientNet-Lite0 up to its last feature map, its normalisations folded into convolutions.

Legend: B batch, H W pixels, h w cells of 32 pixels. Source: Tan and Le, 2019; the Lite variants
drop squeeze-and-excitation and use ReLU6. Convolutions pad as TensorFlow's "same" does.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

WIDTH = 1280
EARLY = 24

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


_EPSILON = 1e-3
_NORMS = {  # which normalisation follows which convolution, in the published names
    "_conv_stem": "_bn0",
    "_conv_head": "_bn1",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
}


class _Same(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        extra = [max((-(-n // s) - 1) * s + k - n, 0) for n in x.shape[-2:]]
        (top, left) = (extra[0] // 2, extra[1] // 2)
        return super().forward(pad(x, (left, extra[1] - left, top, extra[0] - top)))


class _Block(nn.Module):
    def __init__(self, given: int, kernel: int, stride: int, expansion: int, made: int) -> None:
        super().__init__()
        inner = given * expansion
        self.expands = expansion > 1
        self.keeps = stride == 1 and given == made
        if self.expands:
            self._expand_conv = _Same(given, inner, 1)
        self._depthwise_conv = _Same(inner, inner, kernel, stride, groups=inner)
        self._project_conv = _Same(inner, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = relu6(self._expand_conv(x)) if self.expands else x
        y = self._project_conv(relu6(self._depthwise_conv(y)))
        return x + y if self.keeps else y


class EfficientNetLite0(nn.Module):
    """(B, 3, H, W), scaled as (byte - 127) / 128, -> (B, 1280, H/32, W/32)."""

    def __init__(self, repeats: int | None = None) -> None:
        """Random weights; at most `repeats` blocks of a stage, fewer than published for a twin."""
        super().__init__()
        self._conv_stem = _Same(3, 32, 3, 2)
        blocks, given = [], 32
        for count, kernel, stride, expansion, made in _STAGES:
            for n in range(min(count, repeats or count)):
                blocks.append(_Block(given, kernel, 1 if n else stride, expansion, made))
                given = made
            if made == EARLY:
                self._early = len(blocks)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _Same(given, WIDTH, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 1280, H/32, W/32)."""
        return self.levels(x_BCHW)[1]

    def levels(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) -> an early map (B, 24, H/4, W/4), and the last (B, 1280, H/32, W/32)."""
        x = relu6(self._conv_stem(x_BCHW.contiguous(memory_format=torch.channels_last)))
        for block in self._blocks[: self._early]:
            x = block(x)
        early = x
        for block in self._blocks[self._early :]:
            x = block(x)
        return early, relu6(self._conv_head(x))


def folded(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published checkpoint -> the state of `EfficientNetLite0`.

    Raises:
        KeyError: it is another checkpoint.
    """
    state = {}
    for name in published:
        path, _, conv = name.removesuffix(".weight").rpartition(".")
        if conv not in _NORMS:
            continue
        dot = "." if path else ""
        norm = f"{path}{dot}{_NORMS[conv]}"
        scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + _EPSILON).sqrt()
        shift = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
        state[f"{path}{dot}{conv}.weight"] = published[name] * scale[:, None, None, None]
        state[f"{path}{dot}{conv}.bias"] = shift
    return state
