"""Heat pictures from bytes and arrays, and back to TIFF. Knows nothing about models."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from nextgpt_imagebind.modality import THERMAL
from nextgpt_registry.arrays import array_of
from nextgpt_registry.content import check_limit, decoding, format_of, is_ours
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

_SAID = ("PNG", "JPEG")  # pictures by their content: heat where that is said
_GREY = ("L", "I;16", "I;16B", "I")  # Pillow's modes of grey integers
_BITS, _MEANING, _SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
_WHITE_IS_ZERO, _SIGNED = 0, 2  # what they may say
_ACCEPTED = "TIFF with one channel, or grey PNG or JPEG named as thermal"


def read(blob: Blob) -> Media | None:
    """The heat picture in `blob`, or None when it is something else and does not claim otherwise.

    Grey PNG and JPEG are taken unless `blob.guess` says that nobody called it heat. Integers are
    divided by the greatest of their width; of a TIFF with several pages the first is taken.

    Raises:
        MediaError: empty, damaged, over a limit, in colour, or named as heat without being it.
    """
    kind = format_of(blob.data)
    found = kind == "TIFF" or (kind in _SAID and not blob.guess)
    if not is_ours(blob, THERMAL, found, accepted=_ACCEPTED):
        return None
    with decoding(blob, THERMAL, kind):
        return from_array(_decode(blob, kind), source=blob.name)


def from_array(array: Any, *, source: str = "") -> Media:
    """A heat picture from float32 (H, W), from 0, the coldest shown, to 1, the hottest.

    Raises:
        MediaError: another dtype, shape or range; the error says how to convert.
    """
    data, who = np.asarray(array), source or THERMAL.name
    fix = "pass a numpy array of float32 (height, width) from 0 to 1"
    if data.dtype.newbyteorder("=") != np.float32:
        if data.dtype.kind == "u":
            fix += f"; from {data.dtype}: (x / {np.iinfo(data.dtype).max}).astype('float32')"
        raise MediaError(who, f"is an array of {data.dtype}, wanted float32", fix)
    if data.ndim != 2 or 0 in data.shape:
        raise MediaError(who, f"is an array of shape {data.shape}, wanted (height, width)", fix)
    check_limit(THERMAL, "pixels", data.size, who=who)
    check_limit(THERMAL, "columns-or-rows", max(data.shape), who=who)
    if not np.isfinite(data).all() or data.min() < 0 or data.max() > 1:
        raise MediaError(
            who,
            f"has values from {data.min():g} to {data.max():g}, wanted from 0 to 1",
            "from temperatures: (t - coldest) / (hottest - coldest), over the camera's range",
        )
    return Media(THERMAL.name, np.array(data, np.float32, order="C"), source=source)


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The heat picture that an object is, if it is said to be one; None for anything else.

    An array (H, W), with or without axes of 1, or a grey picture of Pillow: of floats from 0 to 1,
    or of unsigned integers over their whole range.

    Raises:
        MediaError: it is one, and out of range or over a limit.
    """
    grey = isinstance(value, Image.Image) and value.mode in ("F", *_GREY)
    array = np.asarray(value) if grey else array_of(value)
    if array is None or guess:
        return None
    check_limit(THERMAL, "pixels", array.size, who=THERMAL.name)
    array = array.squeeze() if array.ndim > 2 else array
    if array.dtype.kind == "u":
        array = array / np.iinfo(array.dtype).max
    return from_array(array.astype(np.float32) if array.dtype.kind == "f" else array)


def tiff(media: Media) -> bytes:
    """The heat picture as a TIFF of float32."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(media.data, np.float32)).save(out, "TIFF")
    return out.getvalue()


def sample(seed: int) -> Media:
    """A small warm spot before something cooler; shape and place differ with the seed."""
    chance = np.random.default_rng(seed)
    height, width = chance.integers(24, 64, 2).tolist()
    rows, columns = np.indices((height, width)) / max(height, width)
    away = np.hypot(rows - 0.5 * chance.random(), columns - 0.5 * chance.random())
    return from_array((0.1 + 0.2 * rows + 0.6 * np.exp(-((away / 0.2) ** 2))).astype(np.float32))


def _decode(blob: Blob, kind: str) -> Any:
    who = blob.name or THERMAL.name
    with Image.open(io.BytesIO(blob.data), formats=(kind,)) as opened:
        check_limit(THERMAL, "columns-or-rows", max(opened.size), who=who)
        check_limit(THERMAL, "pixels", opened.width * opened.height, who=who)
        deepest, white_is_cold = _levels(opened, who)
        mode, stored = opened.mode, np.asarray(ImageOps.exif_transpose(opened))
    if stored.ndim == 3 and mode == "RGB" and not np.ptp(stored, axis=2).any():
        mode, stored = "L", stored[..., 0]  # grey, as programs save it that know no grey
    if mode == "F":
        return stored.astype(np.float32)
    if mode not in _GREY:
        raise MediaError(
            who,
            f"is a {kind} of the mode {mode}, in colour or with few levels",
            "give the camera's grey picture: colours cannot be turned back to heat",
        )
    if white_is_cold:
        stored = deepest - stored
    return (stored / deepest).astype(np.float32)


def _levels(opened: Image.Image, who: str) -> tuple[int, bool]:
    """The greatest integer that a pixel may hold, and whether that is the coldest.

    Pillow turns round what a TIFF of up to 8 bits stores so, and spreads fewer than 8 over 255.
    """
    if not opened.mode.startswith("I"):
        return 255, False
    tags: Any = getattr(opened, "tag_v2", {})
    if tags.get(_SAMPLE_FORMAT, (1,))[0] == _SIGNED:
        raise MediaError(who, "holds signed integers", "save it as unsigned ones, or as float32")
    bits = tags.get(_BITS, (16,))[0]
    return (1 << bits) - 1, tags.get(_MEANING) == _WHITE_IS_ZERO
