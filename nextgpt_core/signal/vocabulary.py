"""Which token ids are signals, and of which channel. Knows nothing about tokenizers or weights.

Signal ids start right after the rows of the language model's embedding and are append-only: a
block once given keeps its ids, so old checkpoints and old conversations stay valid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from nextgpt_registry.errors import LockError
from nextgpt_registry.lock import Signals


@dataclass(frozen=True)
class Block:
    """The signals of one channel: ids `first` to `first + count - 1`."""

    channel: str
    first: int
    count: int

    @property
    def end(self) -> int:
        """One past the last id."""
        return self.first + self.count

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids of a group, in the order in which they are written."""
        return tuple(range(self.first, self.end))


@dataclass(frozen=True)
class SignalVocabulary:
    """Blocks of signal ids above `base`, the number of rows of the model's embedding."""

    base: int
    blocks: tuple[Block, ...] = ()

    @classmethod
    def of(cls, signals: Signals) -> Self:
        """The vocabulary of a plan's or a lock's signals."""
        return cls(signals.base, tuple(Block(b.channel, b.first, b.count) for b in signals.blocks))

    def __post_init__(self) -> None:
        """Hold that blocks touch, in order, and that no channel has two."""
        expected = self.base
        for block in self.blocks:
            if block.first != expected or block.count < 1:
                raise LockError(
                    f"signals of {block.channel!r}",
                    f"start at id {block.first} with {block.count} ids, wanted {expected}",
                    "signal blocks are append-only: restore the lock file",
                )
            expected = block.end
        names = [block.channel for block in self.blocks]
        if len(set(names)) != len(names):
            raise LockError("signals", f"a channel has two blocks: {names}", "restore the lock")

    @property
    def end(self) -> int:
        """One past the last signal id: the number of logits."""
        return self.blocks[-1].end if self.blocks else self.base

    @property
    def size(self) -> int:
        """How many signals there are."""
        return self.end - self.base

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that have signals, in the order of their ids."""
        return tuple(block.channel for block in self.blocks)

    def block(self, channel: str) -> Block:
        """The block of a channel; a KeyError if it has none."""
        for block in self.blocks:
            if block.channel == channel:
                return block
        raise KeyError(channel)

    def block_of(self, token: int) -> Block:
        """The block that holds a signal id; a KeyError for any other id."""
        if not self.is_signal(token):
            raise KeyError(token)
        return self.blocks[bisect_right([b.first for b in self.blocks], token) - 1]

    def is_signal(self, token: int) -> bool:
        """Whether an id is a signal of any channel."""
        return self.base <= token < self.end

    def is_first(self, token: int) -> bool:
        """Whether an id opens a group."""
        return self.is_signal(token) and self.block_of(token).first == token

    def channel_of(self, token: int) -> str:
        """The channel a signal id belongs to."""
        return self.block_of(token).channel

    def groups(self, ids: Sequence[int]) -> Iterator[tuple[int, Block]]:
        """The whole groups among some ids, each with the place of its first."""
        place = 0
        while place < len(ids):
            block = self.block_of(ids[place]) if self.is_first(ids[place]) else None
            if block and tuple(ids[place : place + block.count]) == block.ids:
                yield place, block
                place += block.count
            else:
                place += 1
