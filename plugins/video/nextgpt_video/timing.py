"""From the times at which frames were shown to a constant rate. Knows nothing about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LONE = 10.0  # frames a second of a video of one frame that says none
_FASTEST = 60.0  # frames a second that an uneven video is resampled to at most


@dataclass(frozen=True)
class Timing:
    """A constant `rate`, and for each of its frames the index of the source frame it shows."""

    rate: float
    picks: tuple[int, ...]


def even(times: Sequence[float], *, last: float, declared: float, tick: float) -> Timing:
    """Show frames that began at `times` (ascending seconds) at a constant rate.

    Evenly spaced frames are kept one for one; others are resampled at about their shortest gap,
    so that a held frame is repeated and a quick one is not lost. `last` is how long the last frame
    is shown (0: unknown), `declared` the rate that the file states (0: none), `tick` the unit
    that its times are rounded to.
    """
    if len(times) < 2:
        return Timing(declared or (1 / last if last > 0 else _LONE), tuple(range(len(times))))
    gaps = np.diff(np.asarray(times, dtype=np.float64))
    mean = float(gaps.mean())
    if mean <= 0:
        raise ValueError("its frames are all shown at the same time")
    ended = last if last > 0 else float(np.median(gaps))
    held_on = ended > 1.5 * mean + tick
    if np.abs(gaps - mean).max() <= max(1.01 * tick, 0.02 * mean) and not held_on:
        slack = min(0.5, 0.01 + 2 * tick / (mean * len(gaps)))  # first and last are rounded
        agrees = declared > 0 and abs(declared * mean - 1) < slack
        return Timing(declared if agrees else round(1 / mean, 3), tuple(range(len(times))))
    shortest = float(np.percentile(np.append(gaps[gaps > 0], ended), 10, method="lower"))
    rate = declared if declared * shortest >= 0.75 else 1 / shortest
    rate = min(rate, _FASTEST)
    whole = times[-1] - times[0] + ended
    middles = times[0] + (np.arange(max(1, round(whole * rate))) + 0.5) / rate
    picks = np.searchsorted(np.asarray(times), middles, side="right") - 1
    return Timing(rate, tuple(int(n) for n in picks.clip(0)))
