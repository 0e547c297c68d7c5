"""Keys and values of several sequences, side by side in memory. Knows no model, and no requests.

Sequences of like length share a tensor, a shelf for each power of two, so that a pass attends over
all of a shelf in one call and computes at most twice what it needs. Room doubles, and is given back
where three quarters are not in use.

A pass is one row of positions, whosever they are: all of a model but its attention treats each
position by itself, so nothing is padded. Attention looks up each sequence's keys and values here.

Legend: N positions of a pass, R slots, H heads of keys, G heads of queries to each, C room of a
slot, T positions held, D and W width of a key and a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import Cache

from nextgpt_core.llm.cache import GrowingCache, GrowingLayer

_LEAST = 256


@dataclass(eq=False)
class Slot:
    """Where the keys and values of one sequence are: at `index` of a shelf, `held` of them."""

    shelf: Shelf
    index: int
    held: int = 0


class Shelf:
    """Slots of one room: for each layer, keys (R, H, C, D) and values (R, H, C, W)."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.slots: list[Slot] = []
        self.layers: list[tuple[Tensor, Tensor]] = []
        self._capacity = 1

    def add(self, held: int = 0) -> Slot:
        """A slot at the end; the tensors double where it has no place."""
        slot = Slot(self, len(self.slots), held)
        self.slots.append(slot)
        if len(self.slots) > self._capacity:
            self._resize(2 * self._capacity)
        return slot

    def remove(self, slot: Slot) -> None:
        """Free a slot; the last one takes its place."""
        last = self.slots.pop()
        if last is not slot:
            for kept in (one for layer in self.layers for one in layer):
                kept[slot.index, :, : last.held] = kept[last.index, :, : last.held]
            last.index = slot.index
            self.slots[last.index] = last
        if 4 * len(self.slots) <= self._capacity:
            self._resize(max(1, 2 * len(self.slots)))

    def layer(self, index: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The tensors of a layer, made at its first use for keys and values (1, H, N, D)."""
        while index >= len(self.layers):
            self.layers.append((self._empty(key), self._empty(value)))
        return self.layers[index]

    def _empty(self, like: Tensor) -> Tensor:
        _, heads, _, width = like.shape
        # Zeros, because behind what is held a number is multiplied by nothing, and must be one.
        return like.new_zeros((self._capacity, heads, self.room, width))

    def _resize(self, capacity: int) -> None:
        self._capacity = capacity
        if not self.slots:
            self.layers.clear()
            return
        used = max(slot.held for slot in self.slots)
        for at, layer in enumerate(self.layers):
            keys, values = (self._empty(one) for one in layer)
            for new, old in zip((keys, values), layer, strict=True):
                count = min(len(new), len(old))
                new[:count, :, :used] = old[:count, :, :used]
            self.layers[at] = (keys, values)


class Slots:
    """The slots of a language model's sequences."""

    def __init__(self) -> None:
        self._shelves: dict[int, Shelf] = {}

    @property
    def size(self) -> int:
        """The bytes of all shelves."""
        layers = [layer for shelf in self._shelves.values() for layer in shelf.layers]
        return sum(one.untyped_storage().nbytes() for layer in layers for one in layer)

    def enter(self, cache: GrowingCache) -> Slot:
        """A slot that holds what a cache does; the cache holds nothing then."""
        slot = self._shelf(cache.held).add(cache.held)
        for at, layer in enumerate(cache.layers):
            self._copy(slot, at, layer.keys, layer.values)
        cache.layers.clear()
        return slot

    def leave(self, slot: Slot, cache: GrowingCache, *, clear: bool = False) -> None:
        """Free a slot; what it held is the cache's, which has exactly the memory for it.

        `clear` what may hold numbers that are none: whoever comes next is multiplied with them.
        """
        one = slice(slot.index, slot.index + 1)
        for layer in slot.shelf.layers if slot.held else ():
            keys, values = (kept[one, :, : slot.held].clone() for kept in layer)
            cache.layers.append(GrowingLayer.of(keys, values))
        cache.held = cache.read_as = slot.held
        for layer in slot.shelf.layers if clear else ():
            for kept in layer:
                kept[slot.index] = 0
        slot.shelf.remove(slot)

    def reserve(self, slot: Slot, count: int) -> None:
        """See that a slot has room for `count` more positions; it may have to move."""
        before = slot.shelf
        if slot.held + count <= before.room:
            return
        moved = self._shelf(slot.held + count).add(slot.held)
        for at, (keys, values) in enumerate(before.layers):
            one = slice(slot.index, slot.index + 1)
            self._copy(moved, at, keys[one], values[one])
        before.remove(slot)
        moved.shelf.slots[moved.index] = slot
        slot.shelf, slot.index = moved.shelf, moved.index

    def _shelf(self, count: int) -> Shelf:
        room = max(_LEAST, 1 << max(count - 1, 0).bit_length())
        return self._shelves.setdefault(room, Shelf(room))

    @staticmethod
    def _copy(slot: Slot, layer: int, keys: Tensor, values: Tensor) -> None:
        kept = slot.shelf.layer(layer, keys, values)
        for new, old in zip(kept, (keys, values), strict=True):
            new[slot.index, :, : slot.held] = old[0, :, : slot.held]


class Part:
    """Positions `start` to `end` of a pass: one each of adjacent slots, or several of one slot."""

    def __init__(self, slots: Sequence[Slot], start: int, count: int, like: Tensor) -> None:
        self.shelf, self.first, self.rows = slots[0].shelf, slots[0].index, len(slots)
        self.start, self.end, self.count = start, start + self.rows * count, count
        held = [slot.held for slot in slots]
        self.most = max(held) + count
        self._held_R = torch.tensor(held, device=like.device)
        self._rows_R = torch.arange(self.first, self.first + self.rows, device=like.device)
        self._mask: Tensor | None = None
        if count > 1 or len(set(held)) > 1:
            at_T = torch.arange(self.most, device=like.device)
            last_RN = self._held_R[:, None] + torch.arange(count, device=like.device)
            later_RNT = at_T > last_RN[:, :, None]
            self._mask = like.new_zeros(later_RNT.shape).masked_fill_(later_RNT, float("-inf"))
            self._mask = self._mask[:, None]

    def write(self, old: Tensor, new_1HND: Tensor) -> None:
        """New keys, or values, of the whole pass: this part's into its slots."""
        own_HND = new_1HND[0, :, self.start : self.end]
        if self.rows == 1:
            old[self.first, :, self.most - self.count : self.most] = own_HND
        else:
            old[self._rows_R, :, self._held_R] = own_HND.transpose(0, 1)

    def attend(self, query_1HND: Tensor, layer: int, scaling: float | None) -> Tensor:
        """Queries of the whole pass -> (1, n, H * G, W) of this part's n positions."""
        keys, values = (
            kept[self.first : self.first + self.rows, :, : self.most]
            for kept in self.shelf.layers[layer]
        )
        heads, width = query_1HND.shape[1], query_1HND.shape[-1]
        # Queries that share their keys stand below each other, so that none is repeated.
        own_RHND = query_1HND[0, :, self.start : self.end].unflatten(1, (self.rows, self.count))
        own_RHND = own_RHND.transpose(0, 1).reshape(self.rows, keys.shape[1], -1, width)
        found_RHNW = F.scaled_dot_product_attention(
            own_RHND, keys, values, attn_mask=self._masked(own_RHND.shape[2]), scale=scaling
        )
        found_RHNW = found_RHNW.reshape(self.rows, heads, self.count, -1).transpose(1, 2)
        return found_RHNW.reshape(1, self.rows * self.count, heads, -1)

    def _masked(self, queries: int) -> Tensor | None:
        """The mask of so many queries; made for all layers at the first."""
        if self._mask is not None and self._mask.shape[2] not in (1, queries):
            self._mask = self._mask.repeat(1, 1, queries // self._mask.shape[2], 1)
        return self._mask


class Together(Cache):
    """What one pass reads and writes: so many positions of each of some slots, ordered anew.

    To the model it is a cache. Rooms are reserved before; what was written counts once it is
    `done`, so a pass that fails has changed nothing. `like` has the type of the model's states.
    """

    def __init__(self, read: Sequence[tuple[Slot, int]], like: Tensor) -> None:
        super().__init__(layers=[])
        self._read = read
        ordered = sorted(read, key=lambda r: (r[1] > 1, r[0].shelf.room, r[0].index))
        self.slots = [slot for slot, _ in ordered]
        positions = [p for slot, n in ordered for p in range(slot.held, slot.held + n)]
        self.positions_1N = torch.tensor([positions], device=like.device)
        self.mask_11NN = like.new_zeros(1, 1, 1, 1)  # says that no mask is to be made
        self._parts = list(_parts(ordered, like))
        self._layer = -1

    def done(self) -> None:
        """The pass has ended well: its slots hold the new positions."""
        for slot, count in self._read:
            slot.held += count

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write (1, H, N, D) and (1, H, N, W) where they belong."""
        self._layer = layer_idx
        for part in self._parts:
            keys, values = part.shelf.layer(layer_idx, key_states, value_states)
            part.write(keys, key_states)
            part.write(values, value_states)
        return key_states, value_states

    def attend(self, query_1HND: Tensor, scaling: float | None) -> Tensor:
        """(1, H * G, N, D) -> (1, N, H * G, W), over what `update` wrote last and all before."""
        found = [part.attend(query_1HND, self._layer, scaling) for part in self._parts]
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Each slot has its own; a model that goes by this one reads wrongly, which is noticed."""
        return 0


def _parts(ordered: Sequence[tuple[Slot, int]], like: Tensor) -> Iterator[Part]:
    """What can be attended to in one call: neighbours that read one position each."""
    start, run = 0, []
    for at, (slot, count) in enumerate(ordered):
        run.append(slot)
        after = ordered[at + 1] if at + 1 < len(ordered) else None
        joined = after and count == after[1] == 1 and after[0].shelf is slot.shelf
        if not (after and joined and after[0].index == slot.index + 1):
            yield Part(run, start, count, like)
            start, run = start + len(run) * count, []
