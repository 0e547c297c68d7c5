"""How far two media are apart, in words. numpy is imported in the functions that need it."""

from __future__ import annotations

import math
from typing import Any

from nextgpt_registry.media import Media

BATCHED = "2/255 of full scale for integers, 60 dB below it for floats"
"""What another batch may change."""

CLOSE = 1e-4
"""How far float32 features may move with the company they are computed in."""


def between(one: Media, other: Media, *, loss: float | None = None) -> str:
    """What is different beyond rounding, or beyond `loss` (a share of the range); empty if nothing.

    Media of bytes have to be equal.
    """
    if isinstance(one.data, bytes) or isinstance(other.data, bytes):
        return "" if one.data == other.data else "other bytes"
    layouts = [(tuple(m.data.shape), str(m.data.dtype), m.rate) for m in (one, other)]
    if layouts[0] != layouts[1]:
        return "(shape, dtype, rate) {} where it was {}".format(*reversed(layouts))
    import numpy as np

    was, now = (np.asarray(m.data).astype(np.float64) for m in (one, other))
    apart = np.abs(was - now)
    if loss is not None:
        share = math.sqrt((apart**2).mean()) / max(float(np.ptp(was)), 1e-9)
        return "" if share <= loss else f"changes of {share:.0%} of its range"
    scale = _scale(one.data, was)
    if one.data.dtype.kind in "iub":
        share = float(apart.max()) / scale
        return "" if share <= 2 / 255 else f"changes of up to {share:.1%} of full scale"
    power = float((apart**2).mean()) / scale**2
    level = 10 * math.log10(power) if power else -math.inf
    return "" if level <= -60 else f"changes of {level:.0f} dB"


def _scale(data: Any, was: Any) -> float:
    import numpy as np

    if data.dtype.kind in "iu":
        return float(np.iinfo(data.dtype).max) - float(np.iinfo(data.dtype).min)
    return max(1.0, float(np.abs(was).max()))
