"""Boxes over their picture: as HTML that needs nothing beside it, and as pixels. Finds nothing."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nextgpt_boxes.medium import Boxes

COLOURS = ("#e6194b", "#0a7d2c", "#0059d6", "#b35900", "#911eb4", "#007a7a")
"""In turn; each can be read on white and on most pictures."""
NOTHING = "nothing found"
"""What stands in the middle of a picture without boxes."""
_SHOWN = 256
"""Pictures of a smaller longer side are shown and drawn enlarged."""


def page(boxes: Boxes) -> str:
    """An `<svg>`: the preview, if there is one, under the boxes and their names."""
    width, height = _size(boxes.picture.width, boxes.picture.height)
    ground = '<rect width="100%" height="100%" fill="#ddd"/>'
    if boxes.picture.preview:
        url = f"data:image/png;base64,{boxes.picture.preview}"
        ground = f'<image href="{url}" width="{width}" height="{height}"/>'
    shown = "".join(
        f'<rect x="{box.x0 * width:.1f}" y="{box.y0 * height:.1f}" '
        f'width="{(box.x1 - box.x0) * width:.1f}" height="{(box.y1 - box.y0) * height:.1f}" '
        f'fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{box.x0 * width + 3:.1f}" y="{box.y0 * height + 13:.1f}" fill="{colour}" '
        f'font-size="12" font-family="sans-serif" stroke="#fff" stroke-width="3" '
        f'paint-order="stroke">{escape(box.label)} {box.score:.0%}</text>'
        for box, colour in _coloured(boxes)
    )
    if not boxes.boxes:
        shown = (
            f'<text x="50%" y="50%" text-anchor="middle" font-size="16" font-family="sans-serif" '
            f'stroke="#fff" stroke-width="3" paint-order="stroke">{NOTHING}</text>'
        )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>found: {escape(boxes.summary)}</title>{ground}{shown}</svg>"
    )


def overlay(boxes: Boxes, pixels: Any) -> Any:
    """Boxes and a picture (H, W, 3) uint8 -> the picture with the boxes on it; small ones enlarged.

    Where there is no box, it says so.
    Boxes are relative, so the picture may be larger or smaller than the one they were found in.
    """
    picture = Image.fromarray(pixels)
    size = _size(picture.width, picture.height)
    picture = picture.resize(size) if size != picture.size else picture
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(max(12, max(size) // 40))
    if not boxes.boxes:
        middle = size[0] / 2, size[1] / 2
        pen.text(middle, NOTHING, "black", font, anchor="mm", stroke_width=2, stroke_fill="white")
    for box, colour in _coloured(boxes):
        corners = [at * side for at, side in zip(box.corners, size * 2, strict=True)]
        pen.rectangle(corners, outline=colour, width=max(2, max(size) // 200))
        at = (corners[0] + 4, corners[1] + 2)
        said = f"{box.label} {box.score:.0%}"
        pen.text(at, said, fill=colour, font=font, stroke_width=2, stroke_fill="white")
    return np.array(picture)


def _coloured(boxes: Boxes) -> list[tuple[Any, str]]:
    return [(box, COLOURS[n % len(COLOURS)]) for n, box in enumerate(boxes.boxes)]


def _size(width: int, height: int) -> tuple[int, int]:
    """Small pictures by a whole factor, so that names have room."""
    times = max(1, _SHOWN // max(width, height))
    return width * times, height * times
