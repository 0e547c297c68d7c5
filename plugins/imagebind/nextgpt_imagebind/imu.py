"""Motion from bytes and arrays, and back to CSV. Knows nothing about models."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np

from nextgpt_imagebind.modality import AXES, IMU, TIME
from nextgpt_registry.arrays import array_and_rate
from nextgpt_registry.content import check_limit, decoding, is_ours
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media

_ACCEPTED = f"CSV whose first line names {TIME}, {', '.join(AXES)}"
_UNEVEN = 0.01  # of a step, that times may be off before they are made even


def read(blob: Blob) -> Media | None:
    """The motion in `blob`, or None when it holds something else and does not claim otherwise.

    It is known by the names in its first line; other columns are left alone. Uneven times are made
    even, as many samples as there are, linear between those.

    Raises:
        MediaError: empty, damaged, over a limit, or named as motion without being it.
    """
    head = blob.data[:4096].partition(b"\n")[0]
    names = [name.strip() for name in head.decode("utf-8-sig", "replace").split(",")]
    if not is_ours(blob, IMU, {TIME, *AXES} <= set(names), accepted=_ACCEPTED):
        return None
    with decoding(blob, IMU, "CSV"):
        check_limit(IMU, "samples", blob.data.count(b"\n") - 1, who=blob.name or IMU.name)
        times, data = _columns(blob.data, names)
        even, rate = _even(times, data)
        return from_array(even.astype(np.float32), rate, source=blob.name)


def from_array(array: Any, rate: float | None, *, source: str = "") -> Media:
    """Motion from float32 (N, 6) at `rate` hertz: acceleration in m/s2, rotation in rad/s.

    Raises:
        MediaError: another dtype, shape or rate, or values that are no numbers.
    """
    data, who = np.asarray(array), source or IMU.name
    fix = "pass a numpy array of float32 (samples, 6): acceleration x y z, rotation x y z"
    if data.dtype.newbyteorder("=") != np.float32:
        raise MediaError(who, f"is an array of {data.dtype}, wanted float32", fix)
    if data.ndim != 2 or data.shape[1] != len(AXES) or not len(data):
        raise MediaError(who, f"is an array of shape {data.shape}, wanted (samples, 6)", fix)
    if rate is None or not math.isfinite(rate) or rate <= 0:
        raise MediaError(who, f"has a rate of {rate} Hz", "pass (array, samples a second)")
    check_limit(IMU, "samples", len(data), who=who)
    check_limit(IMU, "seconds", len(data) / rate, who=who)
    if not np.isfinite(data).all():
        raise MediaError(who, "has values that are no numbers", "mend or cut them")
    return Media(IMU.name, np.array(data, np.float32, order="C"), float(rate), source=source)


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The motion that an object is; None where it is none, or plainly so only by its name.

    An array (N, 6) of floats and its rate in hertz, as `from_array` wants them.

    Raises:
        MediaError: it is motion, and has no rate, or is over a limit.
    """
    found = array_and_rate(value)
    if found is None:
        return None
    data, rate = found
    if data.ndim != 2 or data.shape[1] != len(AXES) or data.dtype.kind != "f":
        return None
    if guess and rate is None:
        return None
    check_limit(IMU, "samples", len(data), who=IMU.name)
    return from_array(data.astype(np.float32), rate)


def text(media: Media) -> bytes:
    """The motion as CSV: milliseconds from the first sample, then the six axes, exact."""
    step = 1000 / float(media.rate or 1)
    rows = [",".join((TIME, *AXES))]
    for n, sample_6 in enumerate(media.data.tolist()):
        rows.append(",".join((repr(n * step), *(f"{value:.9g}" for value in sample_6))))
    return ("\n".join(rows) + "\n").encode("ascii")


def sample(seed: int) -> Media:
    """Half a second or so of a swing; length, rate and pace differ with the seed."""
    chance = np.random.default_rng(seed)
    rate = (100.0, 200.0, 400.0)[seed % 3]
    times = np.arange(int(rate * (0.3 + 0.5 * chance.random())))[:, None] / rate
    swing = np.sin(2 * np.pi * times * chance.uniform(0.5, 4, len(AXES)) + chance.random(len(AXES)))
    return from_array((swing * (3, 3, 3, 1, 1, 1)).astype(np.float32), rate)


def _columns(data: bytes, names: list[str]) -> tuple[Any, Any]:
    """(N,) milliseconds and (N, 6)."""
    places = [names.index(name) for name in (TIME, *AXES)]
    lines = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    next(lines)
    rows = [[float(line[place]) for place in places] for line in lines if line]
    if not rows:
        raise ValueError("it has no samples")
    found = np.array(rows, np.float64)
    if not np.isfinite(found).all():
        raise ValueError("a value is no number")
    return found[:, 0], found[:, 1:]


def _even(times: Any, data: Any) -> tuple[Any, float]:
    """(N, 6) at a constant rate, and that rate."""
    if len(times) < 2:
        raise ValueError("one sample has no rate")
    steps = np.diff(times)
    if steps.min() <= 0:
        raise ValueError(f"its times do not ascend at sample {int(steps.argmin()) + 1}")
    step = float(times[-1] - times[0]) / len(steps)
    rate = float(f"{1000 / step:.9g}")
    grid = times[0] + step * np.arange(len(times))
    if np.abs(grid - times).max() <= _UNEVEN * step:
        return data, rate
    return np.stack([np.interp(grid, times, axis) for axis in data.T], axis=1), rate
