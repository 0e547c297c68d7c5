"""Depth maps from bytes and arrays, and back to PFM. Knows nothing about models."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from PIL import Image

from nextgpt_depth.modality import DEPTH
from nextgpt_registry.arrays import array_of
from nextgpt_registry.content import check_limit, decoding, is_ours
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

_PFM = re.compile(rb"Pf\s+(\d{1,9})\s+(\d{1,9})\s+[-+.\deE]+\s")
_PNG = b"\x89PNG\r\n\x1a\n"
_ACCEPTED = "PFM with one channel, or 16-bit greyscale PNG named as depth"


def read(blob: Blob) -> Media | None:
    """The depth map in `blob`, or None when it holds something else and does not claim otherwise.

    A 16-bit greyscale PNG holds millimetres, and is taken unless `blob.guess` says that nobody
    called it a depth map. Negative and infinite distances of a PFM are not measured: 0.

    Raises:
        MediaError: empty, damaged, over a limit, or named as a depth map without being one.
    """
    header = _PFM.match(blob.data)
    png = not blob.guess and _is_grey_png(blob.data)
    if not is_ours(blob, DEPTH, bool(header) or png, accepted=_ACCEPTED):
        return None
    with decoding(blob, DEPTH, "PNG" if png else "PFM"):
        width, height = map(int, header.groups()) if header else _png_size(blob.data)
        who = blob.name or DEPTH.name
        check_limit(DEPTH, "columns-or-rows", max(width, height), who=who)
        check_limit(DEPTH, "pixels", width * height, who=who)
        with Image.open(io.BytesIO(blob.data), formats=("PNG" if png else "PPM",)) as opened:
            stored = np.asarray(opened, np.float32)
        metres = stored / 1000 if png else np.where(np.isfinite(stored), stored, 0).clip(min=0)
        return from_array(metres.astype(np.float32), source=blob.name)


def from_array(array: Any, *, source: str = "") -> Media:
    """A depth map from float32 (H, W), metres, 0 where nothing was measured.

    Raises:
        MediaError: another dtype, shape or range; the error says how to convert.
    """
    data, who = np.asarray(array), source or DEPTH.name
    fix = "pass a numpy array of float32 (height, width), metres"
    if data.dtype.newbyteorder("=") != np.float32:
        if data.dtype == np.uint16:
            fix += "; from millimetres: (x / 1000).astype('float32')"
        raise MediaError(who, f"is an array of {data.dtype}, wanted float32", fix)
    if data.ndim != 2 or 0 in data.shape:
        raise MediaError(who, f"is an array of shape {data.shape}, wanted (height, width)", fix)
    check_limit(DEPTH, "pixels", data.size, who=who)
    check_limit(DEPTH, "columns-or-rows", max(data.shape), who=who)
    if not np.isfinite(data).all() or data.min() < 0:
        wrong = "has negative, infinite or NaN distances, wanted metres from 0 up"
        raise MediaError(who, wrong, "set what was not measured to 0")
    return Media(DEPTH.name, np.array(data, np.float32, order="C"), source=source)


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The depth map that an object is, if it is said to be one; None for anything else.

    An array (H, W), with or without axes of 1: floats are metres, and what is no number in them was
    not measured; 16-bit integers are millimetres, as are those of a picture of Pillow.

    Raises:
        MediaError: it is one, and out of range or over a limit.
    """
    of_pillow = isinstance(value, Image.Image) and (value.mode == "F" or value.mode[:1] == "I")
    array = np.asarray(value) if of_pillow else array_of(value)
    if array is None or guess:
        return None
    check_limit(DEPTH, "pixels", array.size, who=DEPTH.name)
    array = array.squeeze() if array.ndim > 2 else array
    if array.dtype == np.uint16 or (of_pillow and array.dtype.kind in "iu"):
        array = array / 1000
    if array.dtype.kind == "f":
        array = np.where(np.isfinite(array), array, 0).astype(np.float32)
    return from_array(array)


def pfm(media: Media) -> bytes:
    """The depth map as a PFM file."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(media.data, np.float32)).save(out, "PPM")
    return out.getvalue()


def sample(seed: int) -> Media:
    """A small map of a wall and a ball before it; shape and places differ with the seed."""
    chance = np.random.default_rng(seed)
    height, width = chance.integers(24, 64, 2).tolist()
    rows, columns = np.indices((height, width)) / max(height, width)
    wall = 4 - chance.random() * rows
    away = np.hypot(rows - 0.5 * chance.random(), columns - 0.5 * chance.random())
    ball = 1.5 - 0.3 * np.sqrt(np.clip(1 - (away / 0.2) ** 2, 0, 1))
    return from_array(np.where(away < 0.2, ball, wall).astype(np.float32))


def _is_grey_png(data: bytes) -> bool:
    return data.startswith(_PNG) and data[12:16] == b"IHDR" and data[24:26] == b"\x10\0"


def _png_size(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
