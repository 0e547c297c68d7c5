"""Keys and values of several sequences, side by side in memory. Knows no model, and no requests.

Sequences of like length share a tensor, a shelf for each power of two, so that `llm/together.py`
attends over all of a shelf in one call and computes at most twice what it needs. Room doubles, and
is given back where three quarters are not in use.

Legend: R slots, H heads of keys, C room of a slot, T positions held, D and W width of a key and a
value.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

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
