"""Keys and values of past prompts, kept for the next that begins alike. Knows no model family.

A conversation's next turn begins with all that was said; a server's next request does too, though
it sends everything anew. Both find their positions here by content: one key per position.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from transformers import Cache

from nextgpt_core.llm.cache import GrowingCache, can_cut, held_bytes
from nextgpt_core.llm.cache import held as positions_held
from nextgpt_core.prompt.compose import common_prefix

_MOST = 32
"""Prefixes kept: each is looked through for each prompt, and has a least size of its own."""


@dataclass
class Prefix:
    """A cache and what each of its positions holds. One request at a time owns it."""

    cache: Cache
    keys: list[Hashable] = field(default_factory=list)
    broken: bool = False  # a pass failed half-way: not to be kept
    held: int = 0  # bytes that it takes while it is kept

    def cut(self, length: int) -> None:
        """Forget everything from position `length` on."""
        assert isinstance(self.cache, GrowingCache)
        self.cache.cut(length)
        del self.keys[length:]

    def undo(self) -> None:
        """Go back to before a pass that failed: some layers have its positions, others not."""
        length = len(self.keys)
        if can_cut(self.cache) and positions_held(self.cache) >= length:
            self.cut(length)
        else:  # or it was being read anew from its beginning
            self.broken = True


class PrefixPool:
    """At most `limit_bytes` of memory in all; the prefix used longest ago goes first.

    What counts is what is allocated, be it keys and values or another state. The prefix used last
    is kept even if it alone is larger, so that one long conversation goes on; with a limit of 0
    nothing is kept.
    """

    def __init__(self, new_cache: Callable[[], Cache], *, limit_bytes: int = 512 << 20) -> None:
        self._new_cache = new_cache
        self._limit = limit_bytes
        self._kept: list[Prefix] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """The bytes kept now."""
        with self._lock:
            return self._size()

    @contextmanager
    def lend(self, keys: Sequence[Hashable], *, fresh: bool = False) -> Iterator[Prefix]:
        """The kept prefix most like `keys`, cut to what they share; or an empty one, or `fresh`.

        It is the block's alone, and kept for others afterwards. The last position is never
        reused: its state is what the first token is chosen by. A prefix that shares less than
        half of its positions belongs to another conversation, and is left to it.
        """
        prefix = Prefix(self._new_cache()) if fresh else self._take(keys)
        try:
            yield prefix
        finally:
            if prefix.keys and not prefix.broken:
                self._give(prefix)

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()

    def _shared(self, prefix: Prefix, keys: Sequence[Hashable]) -> int:
        shared = min(common_prefix(prefix.keys, keys), len(keys) - 1)
        if shared < len(prefix.keys) and not can_cut(prefix.cache):
            return 0
        return shared if 2 * shared >= len(prefix.keys) else 0

    def _take(self, keys: Sequence[Hashable]) -> Prefix:
        with self._lock:
            shared = [self._shared(prefix, keys) for prefix in self._kept]
            best = max(range(len(shared)), key=shared.__getitem__, default=None)
            if best is None or not shared[best]:
                return Prefix(self._new_cache())
            prefix = self._kept.pop(best)
        if shared[best] < len(prefix.keys):
            prefix.cut(shared[best])
        return prefix

    def _give(self, prefix: Prefix) -> None:
        if not self._limit:
            return
        if isinstance(prefix.cache, GrowingCache):
            prefix.cache.trim()
        prefix.held = held_bytes(prefix.cache)
        with self._lock:
            self._kept.append(prefix)
            while len(self._kept) > 1 and (len(self) > _MOST or self._size() > self._limit):
                self._kept.pop(0)

    def _size(self) -> int:
        return sum(prefix.held for prefix in self._kept)
