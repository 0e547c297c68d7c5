"""Pictures as Python programs hold them: of Pillow, arrays, tensors. Knows no file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image

from nextgpt_image.files import from_array
from nextgpt_image.modality import IMAGE
from nextgpt_image.rendering import render, shown_size
from nextgpt_registry.arrays import array_of
from nextgpt_registry.content import check_limit
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Media

_SEEN = (1, 3, 4)  # channels of a picture: grey, RGB, and with transparency


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The picture that an object is; None where it is none, or plainly so only by its name.

    Arrays are (H, W, C), (C, H, W) or (H, W), C being 1, 3 or 4; of bytes, booleans or 16 bits, or
    of floats from 0 to 1. A leading 1, of a batch, falls away.

    Raises:
        MediaError: it is a picture, and out of range or over a limit.
    """
    if isinstance(value, Image.Image):
        return _of_pillow(value)
    array = array_of(value)
    if array is None:
        return None
    if array.ndim == 4 and len(array) == 1 and not guess:
        array = array[0]
    if array.ndim not in (2, 3) or 0 in array.shape or (guess and array.ndim == 2):
        return None
    check_limit(IMAGE, "pixels", array.size / _SEEN[-1], who=IMAGE.name)
    array = _channels_last(array, first=hasattr(value, "detach"))
    if array.shape[2] not in _SEEN or (guess and array.shape[2] == 1):
        return None
    return from_array(on_white(levels(array, who=IMAGE.name)))


def levels(array: Any, *, who: str) -> Any:
    """Any usual numbers of a picture -> uint8 of the same shape.

    Raises:
        MediaError: they are out of range.
    """
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind != "f":
        if low >= 0 and high <= 255:
            return array.astype(np.uint8)
        fix = "scale them to 0 to 255, as uint8"
        raise MediaError(who, f"has integers from {low:g} to {high:g}, wanted 0 to 255", fix)
    if low >= 0 and high <= 1:
        return (255 * array.astype(np.float32)).round().astype(np.uint8)
    if not math.isfinite(low + high):
        raise MediaError(who, f"has floats from {low:g} to {high:g}", "make them finite, 0 to 1")
    fix = "from -1 to 1: (x + 1) / 2" if low < 0 else "from 0 to 255: x / 255, or x.astype('uint8')"
    raise MediaError(who, f"has floats from {low:g} to {high:g}, wanted 0 to 1", fix)


def on_white(pixels: Any) -> Any:
    """uint8 (…, 1 | 3 | 4) -> (…, 3), transparency laid on white."""
    if pixels.shape[-1] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        return (pixels[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))


def _channels_last(array: Any, *, first: bool) -> Any:
    """(H, W), (H, W, C) or (C, H, W) -> (H, W, C); `first` says which is meant if both fit."""
    if array.ndim == 2:
        return array[..., None]
    fits = array.shape[0] in _SEEN and (first or array.shape[2] not in _SEEN)
    return array.transpose(1, 2, 0) if fits else array


def _of_pillow(picture: Image.Image) -> Media:
    who = getattr(picture, "filename", "") or IMAGE.name
    for width, height in (picture.size, shown_size(picture)):
        check_limit(IMAGE, "columns-or-rows", max(width, height), who=who)
        check_limit(IMAGE, "pixels", width * height, who=who)
    if picture.mode == "F":
        fix = "give an array of floats from 0 to 1, or convert it to 'L'"
        raise MediaError(who, "is a picture of floats, whose range nobody says", fix)
    try:
        return from_array(np.asarray(render(picture)), source=who if who != IMAGE.name else "")
    except (OSError, ValueError, SyntaxError) as error:  # a lazily opened file that is damaged
        raise MediaError(who, f"cannot be decoded: {error}", "open it again") from error
