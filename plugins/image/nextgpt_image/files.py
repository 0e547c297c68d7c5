"""Pictures from bytes and arrays, and back to PNG. Knows nothing about models."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from nextgpt_image.header import gif_frames, size_of
from nextgpt_image.modality import FORMATS, IMAGE, SHARED
from nextgpt_registry.content import check_limit, describe, format_of, promises
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

_AGAIN = "save or download the file again"


def read(blob: Blob) -> Media | None:
    """The picture in `blob`, or None when it holds something else and does not claim otherwise.

    Of an animation the first frame is taken, unless `blob.guess` says that nobody asked for a
    picture: then an animated GIF is declined, since it is a film.

    Raises:
        MediaError: empty, damaged, over a limit, or named as a picture without being one.
    """
    who = blob.name or IMAGE.name
    if not blob.data:
        raise MediaError(who, "is empty (0 bytes)", _AGAIN)
    kind = format_of(blob.data)
    if kind not in FORMATS:
        if not promises(blob, IMAGE, but=SHARED):
            return None
        raise MediaError(
            who,
            f"is said to be a picture ({blob.mime or blob.name}), its content is "
            f"{describe(blob.data)}",
            f"give one of {', '.join(FORMATS)}, or pass it as what it is",
        )
    if kind == "GIF" and blob.guess and gif_frames(blob.data) > 1:
        return None
    check_limit(IMAGE, "bytes", len(blob.data), who=who)
    return Media(IMAGE.name, _decode(blob.data, kind, who), source=blob.name)


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
    return Media(IMAGE.name, np.array(data, order="C"), source=source)


def png(media: Media) -> bytes:
    """The picture as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(media.data).save(out, "PNG")
    return out.getvalue()


def _decode(data: bytes, kind: str, who: str) -> Any:
    try:
        width, height = size_of(data, kind)
    except ValueError as error:
        raise MediaError(who, f"is a damaged {kind}: {error}", _AGAIN) from error
    if not width or not height:
        raise MediaError(who, f"is a {kind} of {width}x{height} pixels", _AGAIN)
    check_limit(IMAGE, "pixels", width * height, who=who)
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as opened:
            if opened.width * opened.height > IMAGE.limit("pixels"):  # a GIF frame may outgrow it
                check_limit(IMAGE, "pixels", opened.width * opened.height, who=who)
            opened.load()
            return np.array(_upright_rgb(opened))
    except MediaError:
        raise
    except Exception as error:  # decoders of damaged bytes raise almost anything
        raise MediaError(who, f"is a damaged or truncated {kind}: {error}", _AGAIN) from error


def _upright_rgb(picture: Image.Image) -> Image.Image:
    with contextlib.suppress(Exception):  # a damaged EXIF block tells no orientation: none is set
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits of grey: Pillow would clip them
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    above = picture.convert("RGBA")
    white = Image.new("RGBA", above.size, "white")
    return Image.alpha_composite(white, above).convert("RGB")
