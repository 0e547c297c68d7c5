"""Boxes from bytes, pictures as a network and a preview want them. Knows no model.

torch is imported where it is needed: reading and showing do without.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from nextgpt_boxes.medium import Box, Boxes, Picture, parse, to_media
from nextgpt_boxes.modality import BOXES, MARK
from nextgpt_registry.content import is_ours
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

if TYPE_CHECKING:
    from torch import Tensor

PREVIEW = 256
"""The most pixels along a side of the picture that a medium keeps to be shown with."""


def read(blob: Blob) -> Media | None:
    """The boxes in `blob`, or None when it holds something else and does not claim otherwise.

    Raises:
        MediaError: empty, damaged, over a limit, or named as boxes without being any.
    """
    start = "".join(blob.data[:64].decode("utf-8", "replace").split())
    if not is_ours(blob, BOXES, start.startswith(f'{{"format":"{MARK}"')):
        return None
    found = parse(blob.data, who=blob.name or BOXES.name)
    return to_media(found.picture, found.boxes, source=blob.name)


def picture_of(media: Media) -> Picture:
    """What boxes keep of a picture (H, W, 3): its size, its address, and a small copy."""
    height, width = media.data.shape[:2]
    small = Image.fromarray(media.data)
    small.thumbnail((PREVIEW, PREVIEW))
    out = io.BytesIO()
    small.save(out, "PNG")
    preview = base64.b64encode(out.getvalue()).decode("ascii")
    return Picture(width=width, height=height, sha256=media.sha256, preview=preview)


def preview_pixels(boxes: Boxes, *, who: str = BOXES.name) -> Any:
    """(H, W, 3) uint8: the small copy of the picture.

    Raises:
        MediaError: there is none, or it is damaged.
    """
    if not boxes.picture.preview:
        raise MediaError(who, "holds no preview of its picture", "make it with picture_of")
    try:
        data = io.BytesIO(base64.b64decode(boxes.picture.preview, validate=True))
        with Image.open(data, formats=("PNG",)) as opened:
            if max(opened.size) > PREVIEW:
                raise ValueError(f"it is {opened.width}x{opened.height} pixels")
            return np.array(opened.convert("RGB"))
    except Exception as error:  # whatever damaged bytes raise
        raise MediaError(who, f"has a damaged preview: {error}", "find the boxes anew") from error


def with_margin(pixels: Any, share: float) -> Any:
    """(H, W, 3) with as much of each side around it, in the colours of its edge."""
    height, width, _ = pixels.shape
    rows, columns = int(share * height), int(share * width)
    return np.pad(pixels, ((rows, rows), (columns, columns), (0, 0)), mode="edge")


def to_square(pixels: Any, side: int) -> Tensor:
    """(H, W, 3) uint8 -> (3, side, side), (byte - 127) / 128, bent to a square."""
    import torch

    square = Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)
    return (torch.from_numpy(np.array(square)).permute(2, 0, 1).float() - 127) / 128


def sample(seed: int) -> Media:
    """Two boxes in a small picture, another one for each seed."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 255, (40 + seed, 48, 3), np.uint8)
    boxes = []
    for name in ("cat", "dog"):
        (x0, x1), (y0, y1) = np.sort(chance.random((2, 2)), axis=1).tolist()
        boxes.append(Box(label=name, score=chance.random(), x0=x0, y0=y0, x1=x1, y1=y1))
    return to_media(picture_of(Media("image", pixels)), boxes)
