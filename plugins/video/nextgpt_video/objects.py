"""Videos as Python programs hold them: arrays and lists of pictures, with a rate. Knows no file."""

from __future__ import annotations

from typing import Any

import numpy as np

from nextgpt_registry.arrays import array_and_rate, array_of, rate_of
from nextgpt_registry.content import check_limit
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Media
from nextgpt_video.files import from_array
from nextgpt_video.modality import VIDEO

_RGB = 3


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The video that an object is; None where it is none, or plainly so only by its name.

    (F, H, W, 3) or (F, 3, H, W) with its frames a second, or a list of pictures of one size; of
    bytes, or of floats from 0 to 1.

    Raises:
        MediaError: it is a video, and has no rate, is out of range or over a limit.
    """
    found = _frames_and_rate(value)
    if found is None:
        return None
    data, rate = found
    if data.ndim != 4 or (guess and rate is None):
        return None
    if data.shape[3] != _RGB and data.shape[1] == _RGB:
        data = data.transpose(0, 2, 3, 1)
    if data.shape[3] != _RGB:
        return None
    check_limit(VIDEO, "frames", len(data), who=VIDEO.name)
    return from_array(_levels(data), rate)


def _frames_and_rate(value: Any) -> tuple[Any, float | None] | None:
    """Frames, alone or with a rate, as `array_and_rate` has it; pictures are put together."""
    frames, rate = value, None
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], list):
        frames, rate = value[0], rate_of(value[1])
    if not isinstance(frames, list):
        return array_and_rate(value)
    check_limit(VIDEO, "frames", len(frames), who=VIDEO.name)
    arrays = [array for frame in frames if (array := _picture(frame)) is not None]
    if not arrays or len(arrays) < len(frames):
        return None
    if len({array.shape for array in arrays}) > 1:
        raise MediaError(VIDEO.name, "has frames of several sizes", "bring them to one")
    return np.stack(arrays), rate


def _picture(frame: Any) -> Any | None:
    """A picture of Pillow, or an array, as an array."""
    return np.asarray(frame.convert("RGB")) if hasattr(frame, "convert") else array_of(frame)


def _levels(data: Any) -> Any:
    """uint8, or floats from 0 to 1 -> uint8."""
    if data.dtype.kind != "f":
        return data
    low, high = float(data.min(initial=0)), float(data.max(initial=0))
    if not (low >= 0 and high <= 1):
        fix = "scale them: (x + 1) / 2 from -1 to 1, x / 255 from 0 to 255"
        raise MediaError(VIDEO.name, f"has floats from {low:g} to {high:g}, wanted 0 to 1", fix)
    return (255 * data.astype(np.float32)).round().astype(np.uint8)
