"""Pictures from bytes and arrays, and back to PNG. Knows nothing about models."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from nextgpt_image.colours import hdr
from nextgpt_image.header import declaring_alpha, gif_frames, size_of
from nextgpt_image.modality import FORMATS, IMAGE, SHARED
from nextgpt_image.rendering import render, shown_size
from nextgpt_registry.content import check_limit, decoding, format_of, is_ours
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

_SETTINGS: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}}


def read(blob: Blob) -> Media | None:
    """The picture in `blob`, or None when it holds something else and does not claim otherwise.

    Of an animation the first frame is taken, unless `blob.guess` says that nobody asked for a
    picture: then an animated GIF is declined, since it is a video.

    Raises:
        MediaError: empty, damaged, over a limit, or named as a picture without being one.
    """
    kind = format_of(blob.data)
    if not is_ours(blob, IMAGE, kind in FORMATS, accepted=", ".join(FORMATS), but=SHARED):
        return None
    if kind == "GIF" and blob.guess and gif_frames(blob.data) > 1:
        return None
    with decoding(blob, IMAGE, kind):
        data = _decode(blob.data, kind, blob.name or IMAGE.name)
    return Media(IMAGE.name, data, source=blob.name)


def from_array(array: Any, *, source: str = "") -> Media:
    """A picture from uint8 (H, W, 3), RGB.

    Raises:
        MediaError: another dtype or shape; the error says how to convert.
    """
    data = np.asarray(array)
    who = source or IMAGE.name
    fix = "pass a numpy array of uint8 (height, width, 3), RGB"
    if data.dtype != np.uint8:
        if data.dtype.kind == "f":
            fix += "; from floats in [0, 1]: (255 * x).round().astype('uint8')"
        raise MediaError(who, f"is an array of {data.dtype}, wanted uint8", fix)
    if data.ndim != 3 or data.shape[2] != 3 or 0 in data.shape:
        raise MediaError(who, f"is an array of shape {data.shape}, wanted (height, width, 3)", fix)
    check_limit(IMAGE, "pixels", data.shape[0] * data.shape[1], who=who)
    check_limit(IMAGE, "columns-or-rows", max(data.shape[:2]), who=who)
    return Media(IMAGE.name, np.array(data, order="C"), source=source)


def sample(seed: int) -> Media:
    """A small picture of soft colours; shape and colours differ with the seed."""
    chance = np.random.default_rng(seed)
    height, width = chance.integers(24, 64, 2).tolist()
    rows, columns = np.indices((height, width))[..., None] / 64
    waves = np.sin(6 * (rows * chance.random(3) + columns * chance.random(3) + chance.random(3)))
    return from_array((127.5 + 127 * waves).round().astype(np.uint8))


def png(media: Media) -> bytes:
    """The picture as a PNG file."""
    return encoded(media, ".png")


def encoded(media: Media, suffix: str) -> bytes:
    """The picture as a file of the format that a suffix says: exact as PNG, near it as others.

    Raises:
        MediaError: the format has no room for so many pixels.
    """
    out = io.BytesIO()
    kind = Image.registered_extensions()[suffix]
    try:
        Image.fromarray(media.data).save(out, kind, **_SETTINGS.get(kind, {}))
    except (OSError, ValueError, struct.error) as error:  # JPEG and WebP have a longest side
        height, width = media.data.shape[:2]
        what = f"{width}x{height} pixels are not written as {kind}: {error}"
        raise MediaError(media.source or IMAGE.name, what, "write a .png") from error
    return out.getvalue()


def _decode(data: bytes, kind: str, who: str) -> Any:
    width, height = size_of(data, kind)
    if not width or not height:
        raise ValueError(f"it is {width}x{height} pixels")
    check_limit(IMAGE, "columns-or-rows", max(width, height), who=who)
    check_limit(IMAGE, "pixels", width * height, who=who)
    if curve := hdr(data):
        what = f"has colours of high dynamic range ({curve}), which would be read much too dark"
        raise MediaError(who, what, "convert it to sRGB first")
    data = declaring_alpha(data, kind)
    with Image.open(io.BytesIO(data), formats=(kind,)) as opened:
        for wide, high in (opened.size, shown_size(opened)):  # a GIF's frame may outgrow its header
            check_limit(IMAGE, "pixels", wide * high, who=who)
        return np.array(render(opened, data))
