"""Numbers that are none: what to say where a pass gives NaN or infinity. Mends nothing.

An answer made of such numbers would look like one: NaN is the likeliest of all to `argmax`, and a
softcap turns infinity into a number. So whatever is sampled from or handed on is looked at.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import Cache

from nextgpt_registry.errors import ShapeError

FIX = (
    "a type with more room: llm.dtype=bfloat16 or float32; if it stays so, the weights are damaged"
)


def all_finite(x: Tensor) -> bool:
    """Whether a tensor holds numbers alone, neither NaN nor infinity."""
    x = x.detach()
    # A sum keeps what is not finite, and costs a hundredth; that it overflows itself is rare.
    wide = torch.float64 if x.dtype is torch.float64 else torch.float32
    return math.isfinite(x.sum(dtype=wide)) or bool(x.isfinite().all())


def not_finite(cache: Cache | None, position: int) -> ShapeError:
    """The error for a pass that ended at `position` of a request and filled `cache`."""
    return ShapeError(
        "language model",
        f"gives NaN or infinite numbers at position {position} of the conversation"
        f"{'' if cache is None else _where(cache)}",
        FIX,
    )


def _where(cache: Cache) -> str:
    """What the keys kept of each layer show of where it began; '' where they show nothing."""
    keys = [getattr(layer, "keys", None) for layer in getattr(cache, "layers", ())]
    held = [at for at, key in enumerate(keys) if isinstance(key, Tensor) and key.numel()]
    lost = [at for at in held if not all_finite(_used(cache.layers[at]))]
    if not held:
        return ""
    if not lost:
        return f", after the attention of its last layer, {held[-1] + 1}"
    before = "in its embedding or" if lost[0] == 0 else f"after layer {lost[0]} or"
    return f"; they begin {before} in the attention of layer {lost[0] + 1}"


def _used(layer: object) -> Tensor:
    """The keys (B, H, T, D) of the positions in use: the room behind them holds anything."""
    keys: Tensor = layer.keys  # type: ignore[attr-defined]
    length = layer.get_seq_length()  # type: ignore[attr-defined]
    return keys[:, :, : int(length)]
