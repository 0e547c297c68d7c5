"""Videos from bytes and arrays. Knows nothing about models; writing is `encoding`'s."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nextgpt_registry.content import check_limit, decoding, format_of, is_ours, promises
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_video.decoding import decode
from nextgpt_video.header import check_whole, gif_frames, gif_size, with_controls
from nextgpt_video.modality import FORMATS, HIGHEST_RATE, SHARED, VIDEO


def read(blob: Blob) -> Media | None:
    """The video in `blob`, or None when it holds something else (a still GIF is a picture).

    Raises:
        MediaError: empty, damaged, over a limit, or named as a video without being one.
    """
    who, kind = blob.name or VIDEO.name, format_of(blob.data)
    if not is_ours(blob, VIDEO, kind in FORMATS, accepted=", ".join(FORMATS), but=SHARED):
        return None
    with decoding(blob, VIDEO, kind):
        check_whole(blob.data, kind)
        data = blob.data
        if kind == "GIF":
            if gif_frames(data) < 2:
                return None
            _check_size(*gif_size(data), who)  # before FFmpeg makes room for a frame
            data = with_controls(data)
        decoded = decode(data, kind, who)
    if decoded is None:
        if blob.guess or not promises(blob, VIDEO, but=SHARED):
            return None
        raise MediaError(who, f"is a {kind} without a picture track", "pass it as what it is")
    return Media(VIDEO.name, *decoded, source=blob.name)


def from_array(array: Any, rate: float | None, *, source: str = "") -> Media:
    """A video from uint8 (F, H, W, 3), RGB, at `rate` frames a second.

    Raises:
        MediaError: another dtype, shape or rate; the error says how to convert.
    """
    data = np.asarray(array)
    who = source or VIDEO.name
    fix = "pass a numpy array of uint8 (frames, height, width, 3), RGB"
    if data.dtype != np.uint8:
        if data.dtype.kind == "f":
            fix += "; from floats in [0, 1]: (255 * x).round().astype('uint8')"
        raise MediaError(who, f"is an array of {data.dtype}, wanted uint8", fix)
    if data.ndim != 4 or data.shape[3] != 3 or 0 in data.shape:
        raise MediaError(
            who, f"is an array of shape {data.shape}, wanted (frames, height, width, 3)", fix
        )
    if rate is None:
        raise MediaError(who, "is an array without a rate", "pass (array, frames a second)")
    if not math.isfinite(rate) or not 0 < rate <= HIGHEST_RATE:
        raise MediaError(
            who, f"has a rate of {rate} frames a second", f"give one of at most {HIGHEST_RATE}"
        )
    _check_size(data.shape[2], data.shape[1], who)
    check_limit(VIDEO, "frames", len(data), who=who)
    check_limit(VIDEO, "seconds", len(data) / rate, who=who)
    return Media(VIDEO.name, np.array(data, order="C"), float(rate), source=source)


def sample(seed: int) -> Media:
    """A video of a few soft frames; shape, length and colours differ with the seed."""
    chance = np.random.default_rng(seed)
    height, width = (16 * chance.integers(2, 5, 2)).tolist()
    times, rows, columns = np.indices((5 + seed % 5, height, width))[..., None] / 64
    phase = 9 * times + rows * chance.random(3) + columns * chance.random(3) + chance.random(3)
    return from_array((127.5 + 127 * np.sin(6 * phase)).round().astype(np.uint8), 8)


def strip(media: Media, *, at_most: int = 8) -> Any:
    """(F, H, W, 3) -> (H, n*W, 3): up to `at_most` frames side by side, evenly chosen."""
    frames = media.data
    chosen = np.linspace(0, len(frames) - 1, min(at_most, len(frames))).round().astype(int)
    return np.concatenate(list(frames[chosen]), axis=1)


def _check_size(width: int, height: int, who: str) -> None:
    check_limit(VIDEO, "columns-or-rows", max(width, height), who=who)
    check_limit(VIDEO, "pixels", width * height, who=who)
