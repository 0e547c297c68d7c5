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

from nextgpt_core.compose import common_prefix
from nextgpt_core.llm.cache import GrowingCache, can_cut


@dataclass
class Prefix:
    """A cache and what each of its positions holds. One request at a time owns it."""

    cache: Cache
    keys: list[Hashable] = field(default_factory=list)
    broken: bool = False  # a pass failed half-way: not to be kept

    def cut(self, length: int) -> None:
        """Forget everything from position `length` on."""
        assert isinstance(self.cache, GrowingCache)
        self.cache.cut(length)
        del self.keys[length:]


class PrefixPool:
    """At most `positions` positions in all; the prefix used longest ago goes first."""

    def __init__(self, new_cache: Callable[[], Cache], *, positions: int = 8192) -> None:
        self._new_cache = new_cache
        self._limit = positions
        self._kept: list[Prefix] = []
        self._lock = threading.Lock()

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
        with self._lock:
            self._kept.append(prefix)
            while sum(len(kept.keys) for kept in self._kept) > self._limit:
                self._kept.pop(0)
