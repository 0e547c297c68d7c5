"""Colour spaces that a PNG says in numbers, as ICC profiles. Knows no pixel.

The precedence and codes are PNG's (third edition, 4.3), codes those of ITU-T H.273.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nextgpt_image.header import png_chunk

SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""(x, y) of white, red, green and blue, as Pillow reads them from a cHRM chunk."""

_PRIMARIES: Mapping[int, Sequence[float]] = {
    1: SRGB,
    5: (*SRGB[:2], 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),  # BT.601, 625 lines
    6: (*SRGB[:2], 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601, 525 lines
    9: (*SRGB[:2], 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # DCI-P3
    12: (*SRGB[:2], 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
_POWERS: Mapping[int, float] = {1: 0, 4: 2.2, 5: 2.8, 6: 0, 8: 1, 13: 0, 14: 0, 15: 0}  # 0: sRGB's
_HDR: Mapping[int, str] = {16: "PQ", 18: "HLG"}
_USUAL = 2.2  # what sRGB's curve is said as, where a power is to be said
_NEAR = 0.005  # of sRGB's points
_DIMMEST = 0.1  # y of a white that is one
_D50 = (0.9642, 1.0, 0.8249)  # the white of profiles
_CONES_33 = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def hdr(data: bytes) -> str:
    """The curve of a PNG that goes beyond what sRGB can show: "PQ", "HLG"; else ""."""
    code = png_chunk(data, b"cICP")
    return _HDR.get(code[1], "") if len(code) == 4 else ""


def profile_of(data: bytes, info: Mapping[Any, Any]) -> bytes | None:
    """The profile that a picture's colours have, b"" if they are sRGB; None where nothing says so.

    `info` is what Pillow read; it does not read cICP, which comes before all else.
    """
    code = png_chunk(data, b"cICP")
    if len(code) == 4 and code[0] in _PRIMARIES and code[1] in _POWERS:
        return _profile(_PRIMARIES[code[0]], _POWERS[code[1]])
    if icc := info.get("icc_profile"):
        return bytes(icc)
    if "srgb" in info:
        return b""
    points, gamma = info.get("chromaticity"), info.get("gamma", 0)
    if points is None or not _far(points) or max(points) >= 1:
        return None
    if points[1] < _DIMMEST or min(points[1::2]) <= 0:
        return None
    power = 1 / gamma if 0.1 < gamma < 10 else 0
    with contextlib.suppress(np.linalg.LinAlgError, struct.error):  # points that span no colours
        return _profile(points, 0 if abs(power - _USUAL) < 0.05 else power)
    return None


def _far(points: Sequence[float]) -> bool:
    return max(abs(a - b) for a, b in zip(points, SRGB, strict=True)) > _NEAR


def _profile(points: Sequence[float], power: float) -> bytes:
    """An ICC profile, version 4: RGB of these primaries, after a power or sRGB's curve."""
    if not power and not _far(points):
        return b""
    curve = _numbers(b"para", struct.pack(">I", 0), power)
    if not power:
        slope = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        curve = _numbers(b"para", struct.pack(">I", 3 << 16), *slope)
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), _to_d50(points).T, strict=True)
    tags = {name: _numbers(b"XYZ ", b"", *column) for name, column in columns}
    tags |= {b"wtpt": _numbers(b"XYZ ", b"", *_D50)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at, table = 132 + 12 * len(tags), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, at, len(tag))
        at += len(tag)
    head = struct.pack(
        ">IxxxxI4s4s4s12x4s28x12s48x",
        *(at, 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp", _fixed(*_D50)),
    )
    return head + struct.pack(">I", len(tags)) + table + b"".join(tags.values())


def _to_d50(points: Sequence[float]) -> Any:
    """(3, 3): linear RGB of these primaries to XYZ, its white brought to D50 (Bradford)."""
    white_3, *primaries = (
        np.array([x / y, 1, (1 - x - y) / y])
        for x, y in zip(points[::2], points[1::2], strict=True)
    )
    rgb_33 = np.stack(primaries, axis=1)
    rgb_33 = rgb_33 * np.linalg.solve(rgb_33, white_3)
    gains_3 = (_CONES_33 @ _D50) / (_CONES_33 @ white_3)
    return np.linalg.inv(_CONES_33) @ (gains_3[:, None] * _CONES_33) @ rgb_33


def _numbers(kind: bytes, about: bytes, *values: float) -> bytes:
    """A tag of a profile."""
    return kind + bytes(4) + about + _fixed(*values)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
