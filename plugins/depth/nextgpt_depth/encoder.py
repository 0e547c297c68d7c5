"""From depth maps to features: a small convolutional network.

Legend: B batch, C channels, H W height and width, T cells, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from nextgpt_depth.maps import to_maps
from nextgpt_depth.options import WIDTH, EncoderOptions
from nextgpt_registry.media import Media
from nextgpt_registry.tensors import load_compact


class DepthEncoder(nn.Module):
    """A depth map -> 16 cells of 128."""

    def __init__(self, options: EncoderOptions) -> None:
        """Random weights on the current device."""
        super().__init__()
        c = options.channels
        self.layers = nn.Sequential(
            *block(3, c, stride=2),
            *block(c, 2 * c, stride=2),
            *block(2 * c, 2 * c),
            *block(2 * c, 3 * c, stride=2),
            *block(3 * c, 3 * c),
            *block(3 * c, 4 * c, stride=2),
            nn.Conv2d(4 * c, WIDTH, 1),
        )
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.eval()

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`."""
        self.load_state_dict(load_compact(paths["model"]))

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B maps of any size -> (B, 1, 64, 64), about -1 to 1."""
        return to_maps(media)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 1, 64, 64) -> (B, 16, 128), each cell normalised."""
        cells = self.layers(placed(x_BCHW)).flatten(2).transpose(1, 2)
        cells_BTD: Tensor = self.norm(cells)
        return cells_BTD


def block(before: int, after: int, *, stride: int = 1) -> tuple[nn.Module, ...]:
    """A convolution, normalised and rectified."""
    return (
        nn.Conv2d(before, after, 3, stride, 1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def placed(x_BCHW: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C + 2, H, W): with the row and the column of each pixel, -1 to 1."""
    height, width = x_BCHW.shape[-2:]
    rows = 2 * torch.arange(height, device=x_BCHW.device) / max(1, height - 1) - 1
    columns = 2 * torch.arange(width, device=x_BCHW.device) / max(1, width - 1) - 1
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).to(x_BCHW.dtype)
    return torch.cat([x_BCHW, grid.expand(len(x_BCHW), -1, -1, -1)], 1)
