"""Which token ids are signals, and of which channel. Knows nothing about tokenizers or weights.

Signal ids start right after the rows of the language model's embedding and are append-only: a
block once given keeps its ids, so old checkpoints and old conversations stay valid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from nextgpt_registry.errors import ConfigError, LockError


def default_spelling(channel: str) -> str:
    """How a channel's signals are written where the config does not say: `<|channel:{i}|>`."""
    return f"<|{channel}:{{i}}|>"


@dataclass(frozen=True)
class Block:
    """The signals of one channel: ids `first` to `first + count - 1`."""

    channel: str
    first: int
    count: int
    spelling: str

    @property
    def end(self) -> int:
        """One past the last id."""
        return self.first + self.count

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids of a group, in the order in which they are written."""
        return tuple(range(self.first, self.end))

    def spell(self, index: int) -> str:
        """The text shown for signal `index`; nothing ever parses it back."""
        return self.spelling.replace("{i}", str(index))


@dataclass(frozen=True)
class SignalVocabulary:
    """Blocks of signal ids above `base`, the number of rows of the model's embedding."""

    base: int
    blocks: tuple[Block, ...] = ()

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

    def extend(
        self, counts: Mapping[str, int], spellings: Mapping[str, str] | None = None
    ) -> SignalVocabulary:
        """This vocabulary with blocks for the channels that have none yet, appended in order.

        Raises:
            LockError: a channel that has a block is now said to have another number of signals.
            ConfigError: a spelling does not say where the number goes.
        """
        blocks = list(self.blocks)
        known = {block.channel: block for block in blocks}
        first = self.end
        for channel, count in counts.items():
            if channel in known:
                _check_same(known[channel], count)
                continue
            spelling = (spellings or {}).get(channel) or default_spelling(channel)
            if "{i}" not in spelling:
                raise ConfigError(
                    f"modalities.{channel}.spelling",
                    f"{spelling!r} does not number the signals",
                    f"put {{i}} where the number goes, as in {default_spelling(channel)!r}",
                )
            blocks.append(Block(channel, first, count, spelling))
            first += count
        return SignalVocabulary(self.base, tuple(blocks))

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

    def index_of(self, token: int) -> int:
        """The place of a signal id in its group, from 0."""
        return token - self.block_of(token).first

    def spell(self, token: int) -> str:
        """How a signal id is shown to people."""
        block = self.block_of(token)
        return block.spell(token - block.first)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the lock file."""
        rows = [
            {"channel": b.channel, "first": b.first, "count": b.count, "spelling": b.spelling}
            for b in self.blocks
        ]
        return {"base": self.base, "blocks": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote."""
        rows: Iterable[Mapping[str, Any]] = data["blocks"]
        return cls(int(data["base"]), tuple(Block(**row) for row in rows))


def _check_same(block: Block, count: int) -> None:
    if block.count != count:
        raise LockError(
            f"modalities.{block.channel}",
            f"has {count} signals, but the lock file gave it {block.count}",
            "use the decoder the checkpoint was trained with, or another channel name",
        )
