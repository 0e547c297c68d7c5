"""The keys and values of past positions, in memory that grows by doubling. Knows no model.

transformers' `DynamicCache` copies everything it holds for each token it adds; this one writes
the new rows behind the old ones and hands out views, so adding is cheap and cutting back to a
common prefix costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedConfig
from transformers.cache_utils import CacheLayerMixin, DynamicCache, DynamicLayer

_LEAST = 256


class GrowingLayer(DynamicLayer):
    """One layer's keys and values (B, H, T, D), T of them in use."""

    keys: Tensor | None
    values: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self._length = 0

    @classmethod
    def of(cls, keys: Tensor, values: Tensor) -> Self:
        """A layer that holds these (B, H, T, D)."""
        layer = cls()
        layer.keys, layer.values, layer._length = keys, values, keys.shape[-2]
        layer.is_initialized = True
        return layer

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

    def trim(self) -> None:
        """Give back memory of which less than half is in use."""
        keys, values = self.keys, self.values
        if keys is not None and values is not None and 2 * self._length <= keys.shape[-2]:
            self.keys = keys[:, :, : self._length].clone()
            self.values = values[:, :, : self._length].clone()


class HeldCache(Cache):
    """A cache that counts what it holds; where it may have to begin anew, it keeps what it read.

    Not every family's layers can say how many positions they have seen. `read_as` is how long the
    text was when they were read last, which a cut does not change.
    """

    held: int
    read_as: int
    keeps_inputs: bool
    _read: list[Tensor]

    def _start(self, *, keeps_inputs: bool) -> None:
        self.held, self.read_as, self.keeps_inputs, self._read = 0, 0, keeps_inputs, []

    @property
    def inputs_BTD(self) -> Tensor:
        """The embeddings of all positions held, if they are kept."""
        return torch.cat(self._read, dim=1)

    def took(self, x_BTD: Tensor) -> None:
        """Positions (B, t, D) have been read."""
        self.held = self.read_as = self.held + x_BTD.shape[1]
        if self.keeps_inputs:
            self._read.append(x_BTD)

    def restart(self) -> None:
        """Forget everything."""
        self._start(keeps_inputs=self.keeps_inputs)


class GrowingCache(HeldCache):
    """One `GrowingLayer` per attention layer, made as the model first uses it."""

    def __init__(self, *, keeps_inputs: bool = False) -> None:
        super().__init__(layer_class_to_replicate=GrowingLayer)
        self._start(keeps_inputs=keeps_inputs)

    def cut(self, length: int) -> None:
        """Forget everything from position `length` on."""
        for layer in self.layers:
            layer.cut(length)
        self.held = min(self.held, length)
        if self._read:
            self._read = [self.inputs_BTD[:, :length]]

    def restart(self) -> None:
        """Forget everything."""
        self.cut(0)
        super().restart()

    def trim(self) -> None:
        """Give back memory of which less than half is in use."""
        for layer in self.layers:
            layer.trim()


class StateCache(HeldCache, DynamicCache):
    """Whatever a model's layers keep; it only goes forward."""

    def __init__(self, config: PreTrainedConfig, *, keeps_inputs: bool = False) -> None:
        DynamicCache.__init__(self, config=config)
        self._config = config
        self._start(keeps_inputs=keeps_inputs)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """How many positions are held; where no layer is attention, only the count knows."""
        if any(isinstance(layer, CacheLayerMixin) for layer in self.layers):
            return int(super().get_seq_length(layer_idx))
        return self.held

    def restart(self) -> None:
        """Forget everything."""
        DynamicCache.__init__(self, config=self._config)
        super().restart()


def held(cache: Cache) -> int:
    """How many positions a cache holds."""
    return cache.held if isinstance(cache, HeldCache) else int(cache.get_seq_length())


def can_cut(cache: Cache) -> bool:
    """Whether a cache can go back to a prefix of what it holds."""
    return isinstance(cache, GrowingCache)


def held_bytes(cache: object) -> int:
    """The bytes of memory that a cache of any kind keeps from being freed.

    What is allocated counts, not what is in use: a view keeps all of its storage.
    """
    return sum(_storages(cache, set()).values())


def _storages(found: object, seen: set[int]) -> dict[int, int]:
    """{address: bytes} of every storage that can be reached, each once."""
    if id(found) in seen or isinstance(found, nn.Module):  # a cache may know its model
        return {}
    seen.add(id(found))
    if isinstance(found, Tensor):
        storage = found.untyped_storage()
        return {storage.data_ptr(): storage.nbytes()}
    if isinstance(found, dict):
        inside: Iterable[object] = found.values()
    elif isinstance(found, list | tuple):
        inside = found
    else:
        inside = getattr(found, "__dict__", {}).values()
    storages: dict[int, int] = {}
    for one in inside:
        storages |= _storages(one, seen)
    return storages


def _grown(old: Tensor | None, like: Tensor, start: int, end: int) -> Tensor:
    batch, heads, _, width = like.shape
    room = max(_LEAST, 1 << (end - 1).bit_length())
    new = torch.empty((batch, heads, room, width), dtype=like.dtype, device=like.device)
    if old is not None:
        new[:, :, :start] = old[:, :, :start]
    return new
