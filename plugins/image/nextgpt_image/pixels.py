"""Pictures to the tensors that vision encoders were trained on. Knows no encoder.

Legend: B batch, C channels, H height, W width, N patches, P numbers of a patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nextgpt_registry.media import Media


@dataclass(frozen=True)
class Look:
    """How a picture is resized and normalised: `cut` keeps its shape and crops, else it is bent."""

    size: int
    cut: bool
    filter: Image.Resampling
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def squares(media: Sequence[Media], look: Look) -> Tensor:
    """B pictures -> (B, C, size, size), normalised."""
    return torch.stack([_square(Image.fromarray(medium.data), look) for medium in media])


def beside(media: Media) -> str:
    """What a sender is told of a picture whose middle alone is seen, less than half of it."""
    height, width = media.data.shape[:2]
    short, long = sorted((height, width))
    if long <= 2 * short:
        return ""
    return f"is {width}x{height} pixels: the middle {short}x{short} are seen"


def patches(media: Media, *, patch: int, at_most: int) -> tuple[Tensor, tuple[int, int]]:
    """A picture in about its own shape -> (N, P), normalised to [-1, 1], and (rows, columns)."""
    height, width = media.data.shape[:2]
    rows, columns = fit(height, width, patch=patch, at_most=at_most)
    bent = Image.fromarray(media.data).resize(
        (columns * patch, rows * patch), Image.Resampling.BILINEAR
    )
    pixels = np.asarray(bent, np.float32) / 127.5 - 1
    grid = pixels.reshape(rows, patch, columns, patch, 3).transpose(0, 2, 1, 3, 4)
    return torch.from_numpy(grid.reshape(rows * columns, -1)), (rows, columns)


def fit(height: int, width: int, *, patch: int, at_most: int) -> tuple[int, int]:
    """The most (rows, columns) of patches for a picture's shape, as SigLIP2 was trained."""
    low, high = 1e-6, 100.0

    def grid(scale: float) -> tuple[int, int]:
        return max(1, math.ceil(height * scale / patch)), max(1, math.ceil(width * scale / patch))

    while high - low >= 1e-5:
        middle = (low + high) / 2
        rows, columns = grid(middle)
        low, high = (middle, high) if rows * columns <= at_most else (low, middle)
    return grid(low)


def widen(x_BTd: Tensor, width: int) -> Tensor:
    """(B, T, d) -> (B, T, width), repeated: only a narrow twin is not as wide as declared."""
    times = -(-width // x_BTd.shape[-1])
    return x_BTd if times == 1 else x_BTd.repeat(1, 1, times)[..., :width]


def _square(picture: Image.Image, look: Look) -> Tensor:
    if look.cut:
        picture = _middle(picture)
        short = min(picture.size)
        width, height = (int(look.size * side / short) for side in picture.size)
        picture = picture.resize((width, height), look.filter)
        left, top = (width - look.size) // 2, (height - look.size) // 2
        picture = picture.crop((left, top, left + look.size, top + look.size))
    else:
        picture = picture.resize((look.size, look.size), look.filter)
    pixels = np.asarray(picture, np.float32) / 255
    pixels = (pixels - np.array(look.mean, np.float32)) / np.array(look.std, np.float32)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def _middle(picture: Image.Image) -> Image.Image:
    """What can matter of a very long picture, whose ends are cut anyway: resized whole, a line of
    pixels would fill the memory."""
    width, height = picture.size
    longest = 16 * min(picture.size)
    if max(picture.size) <= longest:
        return picture
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return picture.crop((left, top, width - left, height - top))
