"""How well boxes fit: overlap, and whether an answer is right. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nextgpt_boxes.medium import Box

Corners = tuple[float, float, float, float]

ENOUGH = 0.5
"""The least overlap of a box that is right, as in PASCAL VOC."""


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1); 0 where they do not meet."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return wide * tall / (areas - wide * tall)


def found(boxes: Sequence[Box], label: str, corners: Corners) -> bool:
    """Whether a box of this label overlaps enough with the true one."""
    return any(b.label == label and overlap(b.corners, corners) >= ENOUGH for b in boxes)


def right(boxes: Sequence[Box], truth: Mapping[str, Corners]) -> bool:
    """Whether there are as many boxes as true ones, and each true one is found."""
    return len(boxes) == len(truth) and all(found(boxes, n, c) for n, c in truth.items())
