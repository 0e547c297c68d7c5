"""Heat and motion as pictures, for pages and logs. Reads no file.

Legend: H height, W width.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nextgpt_registry.media import Media

_SMALL = 256  # pictures with a longer side under this are shown enlarged
_WIDE, _HIGH = 480, 120  # pixels, of each of the two charts of a motion
_INKS = ("#c1440e", "#2e7d32", "#1565c0")  # x, y, z


def greys(media: Media) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A heat picture -> (H, W, 3) uint8, the hottest white."""
    levels = (255 * media.data).round().astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def chart(media: Media) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A motion -> (240, 480, 3) uint8: acceleration above, rotation below, each to its peak."""
    paper = Image.new("RGB", (_WIDE, 2 * _HIGH), "white")
    pen = ImageDraw.Draw(paper)
    across = np.linspace(0, _WIDE - 1, len(media.data))
    for place, three in enumerate((media.data[:, :3], media.data[:, 3:])):
        middle = _HIGH * (place + 0.5)
        pen.line([(0, middle), (_WIDE, middle)], fill="#cccccc")
        scale = 0.45 * _HIGH / max(float(np.abs(three).max()), 1e-9)
        for axis, ink in zip(three.T, _INKS, strict=True):
            down = middle - scale * axis
            pen.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=ink)
    return np.asarray(paper)


def heat_html(media: Media) -> str:
    """The heat picture as an `<img>`."""
    height, width = media.data.shape
    times = max(1, _SMALL // max(height, width))
    style = "image-rendering: pixelated" if times > 1 else "max-width: 100%"
    return (
        f'<img src="{_url(greys(media))}" width="{width * times}" style="{style}" '
        f'alt="heat picture of {width}x{height} pixels">'
    )


def motion_html(media: Media) -> str:
    """The chart as an `<img>`, and what its two halves mean."""
    seconds = len(media.data) / float(media.rate or 1)
    peaks = (float(np.abs(part).max()) for part in (media.data[:, :3], media.data[:, 3:]))
    faster, turning = peaks
    return (
        f'<figure style="margin: 0"><img src="{_url(chart(media))}" style="max-width: 100%" '
        f'alt="motion of {seconds:.2f} s"><figcaption>{seconds:.2f} s; acceleration up to '
        f"{faster:.2f} m/s&sup2;, rotation up to {turning:.2f} rad/s</figcaption></figure>"
    )


def _url(pixels: Any) -> str:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
