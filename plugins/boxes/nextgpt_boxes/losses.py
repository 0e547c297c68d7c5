"""What the network is trained towards. Legend: B batch, K labels, G cells along a side, N boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid

from nextgpt_boxes.network import Seen

Corners = Sequence[float]
"""x0, y0, x1, y1 as shares of the picture."""

_SPREAD = 0.7
"""Cells around a centre that are half right."""
NOTHING = -100


def heat_of(boxes: Sequence[Corners], cells: int) -> Tensor:
    """N boxes -> (G, G): 1 at each centre's cell, falling off around it."""
    heat = torch.zeros(cells, cells)
    at = torch.arange(cells, dtype=torch.float32)
    for x0, y0, x1, y1 in boxes:
        column = min(int((x0 + x1) / 2 * cells), cells - 1)
        row = min(int((y0 + y1) / 2 * cells), cells - 1)
        away = (at[None] - column).square() + (at[:, None] - row).square()
        heat = torch.maximum(heat, torch.exp(-away / (2 * _SPREAD**2)))
    return heat


def heat_loss(logits_BGG: Tensor, wanted_BGG: Tensor) -> Tensor:
    """(B,): the focal loss of CenterNet, which forgives much around a centre."""
    right = wanted_BGG == 1
    score = logits_BGG.sigmoid()
    there = -((1 - score) ** 2) * logsigmoid(logits_BGG)
    nothing = -((1 - wanted_BGG) ** 4) * score**2 * logsigmoid(-logits_BGG)
    count_B = right.flatten(1).sum(1).clamp_min(1)
    return torch.where(right, there, nothing).flatten(1).sum(1) / count_B


def cells_of(boxes: Sequence[Corners], names: Sequence[int], cells: int) -> tuple[Tensor, Tensor]:
    """N boxes and their labels' numbers -> (G, G) labels and (4, G, G) boxes around the centres.

    Where nothing is, the label is `NOTHING`.
    """
    named = torch.full((cells, cells), NOTHING)
    corners = torch.zeros(4, cells, cells)
    at = (torch.arange(cells) + 0.5) / cells
    for (x0, y0, x1, y1), name in zip(boxes, names, strict=True):
        wide = (at - (x0 + x1) / 2).abs() <= 1 / cells
        tall = (at - (y0 + y1) / 2).abs() <= 1 / cells
        inside = tall[:, None] & wide[None]
        named[inside] = name
        corners[:, inside] = torch.tensor((x0, y0, x1, y1))[:, None]
    return named, corners


def seen_loss(seen: Seen, named_BGG: Tensor, boxes_B4GG: Tensor) -> tuple[Tensor, Tensor]:
    """Names and boxes wanted -> the mean losses of labels, and of boxes (1 - IoU, and distance)."""
    there = named_BGG != NOTHING
    labels = cross_entropy(seen.labels_BKGG, named_BGG, ignore_index=NOTHING)
    found_N4 = seen.boxes_B4GG.movedim(1, -1)[there]
    wanted_N4 = boxes_B4GG.movedim(1, -1)[there]
    away = (found_N4 - wanted_N4).abs().mean() * seen.boxes_B4GG.shape[-1]  # in cells
    return labels, (1 - overlaps(found_N4, wanted_N4)).mean() + away


def overlaps(one_N4: Tensor, other_N4: Tensor) -> Tensor:
    """N boxes twice -> (N,) intersection over union (Yu et al., 2016)."""
    low = torch.maximum(one_N4[:, :2], other_N4[:, :2])
    high = torch.minimum(one_N4[:, 2:], other_N4[:, 2:])
    both_N = (high - low).clamp_min(0).prod(1)
    areas = [(b[:, 2:] - b[:, :2]).clamp_min(0).prod(1) for b in (one_N4, other_N4)]
    return both_N / (areas[0] + areas[1] - both_N).clamp_min(1e-6)
