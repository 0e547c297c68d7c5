"""Pictures, heat and depth as ImageBind was trained on them: 224 x 224. Knows no model.

For pictures that is the original's code; for heat and depth, of which it published none, what its
users found to give its published results (facebookresearch/ImageBind, pull request 73 and issues 69
and 134).

Legend: C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nextgpt_registry.media import Media

SIDE = 224
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
_NEAREST, _FARTHEST = 0.01, 50.0  # metres
_MOST = 75.0  # pixels of disparity: one, to the model
_DEPTH_MEAN, _DEPTH_STD = 0.0418, 0.0295  # of disparity / _MOST


def picture(media: Media) -> Tensor:
    """uint8 (H, W, 3) -> (3, 224, 224): bicubic to the short side, the middle, normalised."""
    pixels = np.asarray(_middle(Image.fromarray(media.data)), np.float32) / 255
    pixels = (pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def heat(media: Media) -> Tensor:
    """float32 (H, W) in [0, 1] -> (1, 224, 224), the same way, not normalised."""
    cut = np.asarray(_middle(Image.fromarray(media.data)), np.float32)
    return torch.from_numpy(cut.clip(0, 1))[None]


def depth(media: Media, *, scale: float) -> Tensor:
    """float32 (H, W), metres -> (1, 224, 224), normalised disparity; `scale` of it at one metre.

    What was not measured, 0, counts as farthest.
    """
    metres = np.where(media.data > 0, media.data, _FARTHEST).clip(_NEAREST, _FARTHEST)
    seen = (scale / metres).clip(max=_MOST) / _MOST
    cut = np.array(_middle(Image.fromarray(seen.astype(np.float32))), np.float32)
    return torch.from_numpy((cut - _DEPTH_MEAN) / _DEPTH_STD)[None].float()


def reach(height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns that are looked at: of a strip longer than 16 times its short side the
    middle alone, since scaled up whole it would fill the memory."""
    longest = 16 * min(height, width)
    rows, columns = (max(0, (side - longest) // 2) for side in (height, width))
    return slice(rows, height - rows), slice(columns, width - columns)


def _scaled(height: int, width: int) -> tuple[int, int]:
    """(height, width) with 224 for the shorter, the longer cut to a whole number."""
    if width <= height:
        return int(SIDE * height / width), SIDE
    return SIDE, int(SIDE * width / height)


def _middle(whole: Image.Image) -> Image.Image:
    rows, columns = reach(whole.height, whole.width)
    part = whole.crop((columns.start, rows.start, columns.stop, rows.stop))
    height, width = _scaled(part.height, part.width)
    part = part.resize((width, height), Image.Resampling.BICUBIC)
    top, left = round((height - SIDE) / 2), round((width - SIDE) / 2)
    return part.crop((left, top, left + SIDE, top + SIDE))
