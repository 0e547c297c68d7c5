"""The keys and values of past positions, in memory that grows by doubling. Knows no model.

transformers' `DynamicCache` copies everything it holds for each token it adds; this one writes
the new rows behind the old ones and hands out views, so adding is cheap and cutting back to a
common prefix costs nothing.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicCache, DynamicLayer

_LEAST = 256


class GrowingLayer(DynamicLayer):
    """One layer's keys and values (B, H, T, D), T of them in use."""

    keys: Tensor | None
    values: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self._length = 0

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (B, H, t, D) and return everything so far (B, H, T + t, D)."""
        start, end = self._length, self._length + key_states.shape[-2]
        keys, values = self.keys, self.values
        if keys is None or values is None or end > keys.shape[-2]:
            keys = self.keys = _grown(keys, key_states, start, end)
            values = self.values = _grown(values, value_states, start, end)
            self.is_initialized = True
        keys[:, :, start:end] = key_states
        values[:, :, start:end] = value_states
        self._length = end
        return keys[:, :, :end], values[:, :, :end]

    def get_seq_length(self) -> int:
        """T: how many positions are in use."""
        return self._length

    def cut(self, length: int) -> None:
        """Forget everything from position `length` on."""
        self._length = min(self._length, length)


class GrowingCache(Cache):
    """One `GrowingLayer` per attention layer, made as the model first uses it."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=GrowingLayer)

    def cut(self, length: int) -> None:
        """Forget everything from position `length` on."""
        for layer in self.layers:
            layer.cut(length)


def new_cache(config: PreTrainedConfig) -> Cache:
    """An empty cache for a model; a `GrowingCache` unless the model keeps other state."""
    text = config.get_text_config(decoder=True)
    kinds = set(getattr(text, "layer_types", None) or ("full_attention",))
    if kinds <= {"full_attention", "sliding_attention", "chunked_attention"}:
        return GrowingCache()  # windows are cut by the mask, so any prefix can be gone back to
    return DynamicCache(config=config)


def cache_argument(model: PreTrainedModel) -> str:
    """What a model's `forward` calls its cache: `cache` from transformers 5.24 on."""
    return "cache" if "cache" in signature(model.forward).parameters else "past_key_values"


def can_cut(cache: Cache) -> bool:
    """Whether a cache can go back to a prefix of what it holds."""
    return isinstance(cache, GrowingCache)


def _grown(old: Tensor | None, like: Tensor, start: int, end: int) -> Tensor:
    batch, heads, _, width = like.shape
    room = max(_LEAST, 1 << (end - 1).bit_length())
    new = torch.empty((batch, heads, room, width), dtype=like.dtype, device=like.device)
    if old is not None:
        new[:, :, :start] = old[:, :, :start]
    return new
