"""Wide gamut and high dynamic range to sRGB. Knows nothing about videos.

PQ is SMPTE ST 2084, HLG is ITU-R BT.2100 shown at 1000 cd/m2; white is 203 cd/m2 (BT.2408), what is
brighter is white as well. The numbers of transfers and primaries are those of ISO/IEC 23091-2.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

PQ, HLG = 16, 18
_WHITE = 203.0  # cd/m2
_PEAK = 1000.0  # cd/m2, of HLG
_LUMA = (0.2627, 0.678, 0.0593)  # of BT.2020
_BT2020 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
_P3 = ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979))
_TO_BT709 = {9: _BT2020, 11: _P3, 12: _P3}


def is_wide(transfer: int, primaries: int) -> bool:
    """Whether colours so stored are no colours of sRGB."""
    return transfer in (PQ, HLG) or primaries in _TO_BT709


def to_srgb(stored: Any, transfer: int, primaries: int) -> Any:
    """uint16 (H, W, 3) -> uint8 (H, W, 3)."""
    light = _light(transfer)[stored]  # white is 1
    if transfer == HLG:
        light *= ((light @ np.array(_LUMA, np.float32)) ** 0.2)[..., None] * (_PEAK / _WHITE)
    light = light @ np.array(_TO_BT709.get(primaries, np.eye(3)), np.float32).T
    return _curve()[(light.clip(0, 1) * 65535).round().astype(np.uint16)]


@cache
def _light(transfer: int) -> Any:
    """(65536,) float32: the light of each level."""
    x = np.linspace(0, 1, 65536)
    if transfer == PQ:
        root = x ** (1 / 78.84375)
        nits = 1e4 * ((root - 0.8359375).clip(0) / (18.8515625 - 18.6875 * root)) ** (
            1 / 0.1593017578125
        )
        return (nits / _WHITE).astype(np.float32)
    if transfer == HLG:
        high = (np.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(x <= 0.5, x * x / 3, high).astype(np.float32)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _curve() -> Any:
    """(65536,) uint8: the level in sRGB of each light."""
    x = np.linspace(0, 1, 65536)
    levels = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return (255 * levels).round().astype(np.uint8)
