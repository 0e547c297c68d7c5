"""Depth maps in colours, near bright and far dark, with what the ends mean. Reads no file."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from nextgpt_registry.media import Media

VIRIDIS = np.array(
    [
        *((68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141)),
        *((39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37)),
    ]
)
"""Nine evenly spaced colours of matplotlib's viridis (CC0), dark to bright."""

_SMALL = 256  # maps with a longer side under this are shown enlarged


def colours(media: Media) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A depth map -> (H, W, 3) uint8; evenly spaced inverse distances, what is unknown black."""
    metres = np.asarray(media.data, np.float32)
    near, far = ends(media)
    known = metres > 0
    inverse = 1 / np.where(known, metres, far)
    nearness = (inverse - 1 / far) / max(1 / near - 1 / far, 1e-9)
    places = np.linspace(0, 1, len(VIRIDIS))
    painted = np.stack([np.interp(nearness, places, VIRIDIS[:, n]) for n in range(3)], -1)
    shown: np.ndarray[Any, np.dtype[np.uint8]] = (painted * known[..., None]).round().astype("u1")
    return shown


def ends(media: Media) -> tuple[float, float]:
    """The nearest and the farthest measured distance in metres; (1, 1) if there is none."""
    measured = np.asarray(media.data)[np.asarray(media.data) > 0]
    return (float(measured.min()), float(measured.max())) if measured.size else (1.0, 1.0)


def html(media: Media) -> str:
    """The map as an `<img>` above a bar from near to far."""
    out = io.BytesIO()
    Image.fromarray(colours(media)).save(out, "PNG")
    height, width = media.data.shape
    times = max(1, _SMALL // max(height, width))
    url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    near, far = ends(media)
    bar = ", ".join(f"rgb({r},{g},{b})" for r, g, b in VIRIDIS[::-1].tolist())
    style = "image-rendering: pixelated" if times > 1 else "max-width: 100%"
    return (
        f'<figure style="margin: 0"><img src="{url}" width="{width * times}" style="{style}" '
        f'alt="depth map of {width}x{height} pixels, {near:.2f} to {far:.2f} m">'
        f'<figcaption style="width: {width * times}px; max-width: 100%">'
        f'<div style="height: 6px; background: linear-gradient(to right, {bar})"></div>'
        f"near {near:.2f} m, far {far:.2f} m</figcaption></figure>"
    )
