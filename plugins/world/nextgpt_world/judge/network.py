"""Small convolutional classifiers of pictures, clips and spectrograms. Share nothing with mini.

Legend: B batch, F frames, C channels, H and W height and width, D width of a summary.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from nextgpt_world.judge.questions import answers
from nextgpt_world.split import Kind

WIDTHS = (32, 64, 128, 192)
_CELLS = 16
_SPATIAL = 24


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class Eye(nn.Module):
    """(B, C, H, W) -> (B, D): what is there, and in which of 4 x 4 cells."""

    def __init__(self, channels: int, strides: tuple[int, ...] = (2, 2, 2, 2, 1)) -> None:
        """The same widths for every kind."""
        super().__init__()
        first, second, third, fourth = WIDTHS
        sizes = (channels, first, second, third, fourth, fourth)
        self.blocks = nn.Sequential(
            *(_block(a, b, s) for a, b, s in zip(sizes, sizes[1:], strides, strict=False))
        )
        self.where = nn.Conv2d(fourth, _SPATIAL, 1)
        self.cells = nn.AdaptiveAvgPool2d((4, 4))
        self.width = fourth + _SPATIAL * _CELLS

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Averages over the picture beside a few channels of every cell."""
        seen = self.blocks(x_BCHW)
        places = self.cells(self.where(seen)).flatten(1)
        return torch.cat([seen.mean((2, 3)), places], 1)


class Network(nn.Module):
    """Media of one kind -> the scores of every answer to every question."""

    def __init__(self, kind: Kind) -> None:
        """Random weights."""
        super().__init__()
        self.kind = kind
        self.eye = Eye(1 if kind == "audio" else 3)
        width = self.eye.width
        if kind == "video":
            self.steps = nn.Sequential(
                nn.Conv1d(width, 96, 3, padding=1), nn.ReLU(), nn.Conv1d(96, 96, 3), nn.ReLU()
            )
            width += 96
        self.drop = nn.Dropout(0.2)
        self.heads = nn.ModuleList(nn.Linear(width, len(words)) for words in answers(kind).values())

    def look(self, x: Tensor) -> Tensor:
        """(B, C, H, W), clips (B, F, C, H, W) -> (B, D): a summary, from which all is answered."""
        if self.kind != "video":
            return cast(Tensor, self.eye(x))
        seen_BFD = self.eye(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        moved_BD = self.steps(seen_BFD.transpose(1, 2)).mean(2)
        return torch.cat([seen_BFD.mean(1), moved_BD], 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W), clips (B, F, C, H, W) -> for each question (B, answers)."""
        seen_BD = self.drop(self.look(x))
        return [cast(Tensor, head(seen_BD)) for head in self.heads]
