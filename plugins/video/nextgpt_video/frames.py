"""Videos to the tensors that encoders were trained on. Knows no encoder.

Legend: B batch, F frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nextgpt_registry.media import Media


@dataclass(frozen=True)
class Look:
    """How many frames are taken, and how each is resized (short side), cropped and normalised."""

    frames: int
    size: int
    filter: Image.Resampling
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def clips(media: Sequence[Media], look: Look) -> Tensor:
    """B videos -> (B, F, C, size, size), normalised."""
    return torch.stack([_clip(medium.data, look) for medium in media])


def between(media: Media, look: Look) -> str:
    """What a sender is told of a video of which less is seen than a frame a second, or half of each
    frame; "" of others."""
    lasts = len(media.data) / float(media.rate or 1)
    height, width = media.data.shape[1:3]
    short, long = sorted((height, width))
    said = []
    if lasts > look.frames:
        said.append(f"lasts {lasts:.4g} s: {look.frames} frames, evenly chosen, are seen")
    if long > 2 * short:
        said.append(f"is {width}x{height} pixels: the middle {short}x{short} are seen")
    return ", and ".join(said)


def chosen(count: int, wanted: int) -> list[int]:
    """`wanted` of `count` frames, spread over the whole video; short videos repeat frames."""
    middles = (np.arange(wanted) + 0.5) * count / wanted
    return [int(n) for n in middles]


def widen(x_BTd: Tensor, width: int) -> Tensor:
    """(B, T, d) -> (B, T, width), repeated: only a narrow twin is not as wide as declared."""
    times = -(-width // x_BTd.shape[-1])
    return x_BTd if times == 1 else x_BTd.repeat(1, 1, times)[..., :width]


def _clip(frames: Any, look: Look) -> Tensor:
    taken = chosen(len(frames), look.frames)
    looked_at = {n: _square(Image.fromarray(frames[n]), look) for n in sorted(set(taken))}
    return torch.stack([looked_at[n] for n in taken])


def _square(picture: Image.Image, look: Look) -> Tensor:
    picture = _middle(picture)
    short = min(picture.size)
    width, height = (int(look.size * side / short) for side in picture.size)
    picture = picture.resize((width, height), look.filter)
    left, top = (width - look.size) // 2, (height - look.size) // 2
    picture = picture.crop((left, top, left + look.size, top + look.size))
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
