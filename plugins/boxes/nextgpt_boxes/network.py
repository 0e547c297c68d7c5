"""A picture and a condition to scores, classes and boxes of cells: a detector without anchors.

What is a cell's box and which thing is there (FCOS, Tian et al., 2019) is said whatever is asked;
which centres are asked for (CenterNet, Zhou et al., 2019) is said under the condition (FiLM, Perez
et al., 2018). Legend: B batch, C channels, T D the condition's tokens and width, K labels, G cells
along a side (8).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nextgpt_boxes import trunk
from nextgpt_boxes.options import TOKENS, WIDTH

SIDE = 128
"""Pictures are bent to a square of so many pixels."""
CELLS = SIDE // trunk.STRIDE
_PRIOR = -2.2
"""Most cells are the centre of nothing that is asked for."""
_AROUND = (-1.2, -1.2, 1.2, 1.2)
"""The box to begin with: in cells, from a cell's middle."""


@dataclass(frozen=True)
class Seen:
    """What is in each cell."""

    features_BCGG: Tensor
    labels_BKGG: Tensor  # logits
    boxes_B4GG: Tensor  # x0, y0, x1, y1 as shares of the picture


class Network(nn.Module):
    """`look` at pictures once, then `ask` for anything."""

    def __init__(self, labels: int, hidden: int, repeats: int) -> None:
        """Random weights."""
        super().__init__()
        self.trunk = trunk.Trunk(repeats)
        self.neck = nn.Sequential(_conv(trunk.WIDTH, hidden), _conv(hidden, hidden))
        self.label = nn.Conv2d(hidden, labels, 1)
        self.box = nn.Conv2d(hidden, 4, 1)
        self.place = nn.Conv2d(2, hidden, 1)
        self.film = nn.Linear(TOKENS * WIDTH, 2 * hidden)
        self.before = nn.Conv2d(hidden, hidden, 1)
        last = nn.Conv2d(hidden, 1, 1)
        self.after = nn.Sequential(nn.SiLU(), nn.Conv2d(hidden, hidden, 1), nn.SiLU(), last)
        last.bias = nn.Parameter(torch.full((1,), _PRIOR))
        self.box.bias = nn.Parameter(torch.tensor(_AROUND))

    def look(self, x_B3HW: Tensor) -> Seen:
        """(B, 3, 128, 128), scaled as the trunk wants it -> what is in each cell."""
        return self.name(self.trunk(x_B3HW))

    def name(self, features_BCGG: Tensor) -> Seen:
        """The trunk's features -> what is in each cell."""
        neck = self.neck(features_BCGG)
        boxes = middles(neck).repeat(1, 2, 1, 1) + self.box(neck) / CELLS
        return Seen(neck, self.label(neck), boxes)

    def ask(self, seen: Seen, text_BTD: Tensor) -> Tensor:
        """What was seen, (B, T, D) -> (B, G, G) logits of the centres of what is asked for."""
        gain_BC, shift_BC = self.film(text_BTD.flatten(1)).chunk(2, dim=1)
        here = self.before(seen.features_BCGG) + self.place(middles(text_BTD))
        told = here * (1 + gain_BC[..., None, None]) + shift_BC[..., None, None]
        heat_BGG: Tensor = self.after(told)[:, 0]
        return heat_BGG


def middles(like: Tensor) -> Tensor:
    """(1, 2, G, G): x and y of each cell's middle, as shares of the picture."""
    at = (torch.arange(CELLS, device=like.device, dtype=like.dtype) + 0.5) / CELLS
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack((x, y))[None]


def _conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.GroupNorm(8, after), nn.SiLU()
    )
