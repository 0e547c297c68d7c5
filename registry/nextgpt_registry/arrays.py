"""Arrays as Python programs hold them, for plugins that adopt them: of any library, with a rate.

No library is imported: who has an array has its library, and arrays convert themselves.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

_OF_ARRAYS = ("shape", "dtype", "__array__")
_RATES = ("sampling_rate", "sample_rate", "rate", "fps")


def array_of(value: Any) -> Any | None:
    """An array or tensor of whatever library as NumPy's, of numbers; None for anything else."""
    if isinstance(value, type) or not all(hasattr(value, name) for name in _OF_ARRAYS):
        return None
    try:
        if hasattr(value, "detach"):  # torch's, which may have a gradient, or a type NumPy has not
            value = value.detach().cpu()
            value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        found = value.__array__()
    except Exception:  # whatever a foreign class raises: it is no array then
        return None
    return found if found.dtype.kind in "biuf" else None


def array_and_rate(value: Any) -> tuple[Any, float | None] | None:
    """An array, alone or with a rate; None for anything else.

    As `(array, rate)`, in either order, or as a mapping with an `array` and a `sampling_rate`.
    """
    if isinstance(value, Mapping):
        named = next((value[name] for name in _RATES if name in value), None)
        value = (value.get("array"), named)
    if isinstance(value, tuple) and len(value) == 2:
        first, second = value
        if (rate := rate_of(first)) is not None:
            array = array_of(second)
        else:
            array, rate = array_of(first), rate_of(second)
        return None if array is None or rate is None else (array, rate)
    array = array_of(value)
    return None if array is None else (array, None)


def rate_of(given: Any) -> float | None:
    """A rate that comes with an array, of whatever library; None where it is no number."""
    if getattr(given, "ndim", None) == 0 and hasattr(given, "item"):
        given = given.item()
    if not isinstance(given, numbers.Real) or isinstance(given, bool):
        return None
    try:
        return float(given)
    except OverflowError:
        return float("inf")  # which every plugin refuses by name
