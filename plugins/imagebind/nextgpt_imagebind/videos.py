"""Videos as ImageBind was trained on them: 15 views of two frames each. Knows no model.

The original's code and the steps that it takes from pytorchvideo, written from their definitions.

Legend: F frames, C channels, H height, W width, S views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nextgpt_imagebind.clips import SECONDS, starts
from nextgpt_imagebind.pictures import MEAN, SIDE, STD, reach
from nextgpt_registry.media import Media

CLIPS = 5
CROPS = 3
FRAMES = 2


def video(media: Media) -> Tensor:
    """uint8 (F, H, W, 3) -> (15, 3, 2, 224, 224): for each clip its crops, left or top first."""
    views = []
    for taken in chosen(len(media.data), float(media.rate or 1)):
        frames = _normalised(media.data, taken)
        views += [_cut(frames, crop) for crop in range(CROPS)]
    return torch.stack(views)


def chosen(count: int, rate: float) -> list[tuple[int, int]]:
    """The first and the last frame of each clip, of a video of `count` frames."""
    found = []
    for start in starts(count / rate, CLIPS):
        first = min(math.ceil(rate * start), count - 1)
        after = min(math.ceil(rate * (start + SECONDS)), count)
        found.append((first, max(first, after - 1)))
    return found


def corners(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Top and left of the three crops of 224 along the longer side; odd halves are rounded up."""
    top, left = math.ceil((height - SIDE) / 2), math.ceil((width - SIDE) / 2)
    if height > width:
        yield from ((row, left) for row in (0, top, height - SIDE))
    else:
        yield from ((top, column) for column in (0, left, width - SIDE))


def _normalised(frames: Any, taken: Sequence[int]) -> Tensor:
    """Two frames -> (3, 2, H, W), the short side 224 (bilinear, without smoothing)."""
    rows, columns = reach(*frames.shape[1:3])
    pixels = np.stack([frames[n][rows, columns] for n in taken]).astype(np.float32) / 255
    x_FCHW = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    size = _scaled(*x_FCHW.shape[-2:])
    x_FCHW = interpolate(x_FCHW, size, mode="bilinear", align_corners=False)
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in (MEAN, STD))
    return ((x_FCHW - mean) / std).transpose(0, 1)


def _scaled(height: int, width: int) -> tuple[int, int]:
    if width < height:
        return math.floor(height / width * SIDE), SIDE
    return SIDE, math.floor(width / height * SIDE)


def _cut(x_CFHW: Tensor, crop: int) -> Tensor:
    top, left = list(corners(*x_CFHW.shape[-2:]))[crop]
    return x_CFHW[..., top : top + SIDE, left : left + SIDE]
