"""Sounds at the rate and length that an encoder was trained on. Knows no encoder.

Legend: N samples.
"""

from __future__ import annotations

from math import gcd
from typing import Any, Literal

import numpy as np
from torch import Tensor

from nextgpt_registry.media import Media

_MARGIN = 0.1  # seconds mirrored at each end, so that the ends do not ring


def start_of(media: Media, *, rate: int, seconds: float) -> Any:
    """A sound's first `seconds` at most -> float32 (N,) at `rate` hertz."""
    assert media.rate is not None
    whole = int(media.rate)
    return resample(media.data[: int(seconds * whole)], whole, rate)


def beyond(media: Media, *, seconds: float) -> str:
    """What a sender is told of a sound of which the start alone is heard; "" where all is."""
    lasts = len(media.data) / float(media.rate or 1)
    return f"lasts {lasts:.4g} s: the first {seconds:g} s are heard" if lasts > seconds else ""


def resample(wave: Any, rate: int, wanted: int) -> Any:
    """float32 (N,) at `rate` -> float32 (N * wanted / rate,), band-limited, through one FFT."""
    if rate == wanted:
        return wave
    common = gcd(rate, wanted)
    step = rate // common  # a whole number of these is a whole number of new samples
    before = step * max(1, round(_MARGIN * rate / step))
    before = min(before, step * max(1, len(wave) // step))
    after = before + -len(wave) % step
    mode: Literal["reflect", "constant"] = "reflect" if len(wave) > after else "constant"
    padded = np.pad(wave.astype(np.float64), (before, after), mode=mode)
    made = len(padded) // step * (wanted // common)
    spectrum = np.fft.rfft(padded)[: min(len(padded), made) // 2 + 1]
    longer = np.fft.irfft(spectrum, made) * (made / len(padded))
    first = before // step * (wanted // common)
    return longer[first : first + max(1, round(len(wave) * wanted / rate))].astype(np.float32)


def widen(x_BTd: Tensor, width: int) -> Tensor:
    """(B, T, d) -> (B, T, width), repeated: only a narrow twin is not as wide as declared."""
    times = -(-width // x_BTd.shape[-1])
    return x_BTd if times == 1 else x_BTd.repeat(1, 1, times)[..., :width]
