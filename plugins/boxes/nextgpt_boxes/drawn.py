"""A file of boxes as a PNG with its picture. Knows files, and draws nothing itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nextgpt_boxes.draw import overlay
from nextgpt_boxes.files import preview_pixels
from nextgpt_boxes.medium import parse
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import MediaError


def draw_file(file: Path, out: Path, *, picture: Path | None = None) -> Path:
    """Write the PNG and return its path.

    Raises:
        MediaError: a file cannot be read, or there is no picture at all.
    """
    boxes = parse(_bytes(file), who=str(file))
    pixels = _pixels(picture) if picture else preview_pixels(boxes, who=str(file))
    png = io.BytesIO()
    Image.fromarray(overlay(boxes, pixels)).save(png, "PNG")
    return replace_file(out, png.getvalue())


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(str(path), f"cannot be read: {error}", "give another file") from error


def _pixels(path: Path) -> Any:
    try:
        with Image.open(io.BytesIO(_bytes(path))) as opened:
            return np.array(opened.convert("RGB"))
    except (OSError, Image.DecompressionBombError) as error:
        raise MediaError(str(path), f"is no picture: {error}", "give a PNG or JPEG") from error
