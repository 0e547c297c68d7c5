"""Films from bytes and arrays. Knows nothing about models; writing is `encoding`'s."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nextgpt_registry.content import check_limit, describe, format_of, promises
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_video.decoding import decode
from nextgpt_video.header import check_whole, gif_frames, gif_size
from nextgpt_video.modality import FORMATS, HIGHEST_RATE, SHARED, VIDEO

_AGAIN = "save or download the file again"


def read(blob: Blob) -> Media | None:
    """The film in `blob`, or None when it holds something else (a still GIF is a picture).

    Raises:
        MediaError: empty, damaged, over a limit, or named as a film without being one.
    """
    who = blob.name or VIDEO.name
    if not blob.data:
        raise MediaError(who, "is empty (0 bytes)", _AGAIN)
    kind = format_of(blob.data)
    if kind not in FORMATS:
        if not promises(blob, VIDEO, but=SHARED):
            return None
        raise MediaError(
            who,
            f"is said to be a film ({blob.mime or blob.name}), its content is "
            f"{describe(blob.data)}",
            f"give one of {', '.join(FORMATS)}, or pass it as what it is",
        )
    check_limit(VIDEO, "bytes", len(blob.data), who=who)
    try:
        check_whole(blob.data, kind)
        if kind == "GIF":
            if gif_frames(blob.data) < 2:
                return None
            _check_size(*gif_size(blob.data), who)  # before FFmpeg makes room for a frame
        film = decode(blob.data, kind, who)
    except MediaError:
        raise
    except Exception as error:  # decoders of damaged bytes raise almost anything
        raise MediaError(who, f"is a damaged or truncated {kind}: {error}", _AGAIN) from error
    if film is None:
        if blob.guess or not promises(blob, VIDEO, but=SHARED):
            return None
        raise MediaError(who, f"is a {kind} without a picture track", "pass it as what it is")
    return Media(VIDEO.name, *film, source=blob.name)


def from_array(array: Any, rate: float | None, *, source: str = "") -> Media:
    """A film from uint8 (F, H, W, 3), RGB, at `rate` frames a second.

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


def strip(media: Media, *, at_most: int = 8) -> Any:
    """(F, H, W, 3) -> (H, n*W, 3): up to `at_most` frames side by side, evenly chosen."""
    frames = media.data
    chosen = np.linspace(0, len(frames) - 1, min(at_most, len(frames))).round().astype(int)
    return np.concatenate(list(frames[chosen]), axis=1)


def _check_size(width: int, height: int, who: str) -> None:
    check_limit(VIDEO, "pixels", width * height, who=who)
