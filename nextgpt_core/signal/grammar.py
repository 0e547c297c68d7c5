"""Which ids are signals, and which may be written next, so that groups are whole.

Signal ids start right after the rows of the language model's embedding and are append-only: a
block once given keeps its ids, so old checkpoints and old conversations stay valid. After the first
id of a group the rest is certain: it is appended, not sampled. Ending the answer while something is
still required opens a required group instead. Knows nothing about weights or tokenizers, nor about
logits beyond their number; it holds no state: a `GrammarState` is one answer so far.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from nextgpt_registry.errors import LockError, RequestError
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


@dataclass(frozen=True)
class GrammarState:
    """How many groups of each channel were written."""

    counts: tuple[tuple[str, int], ...] = ()

    @property
    def groups(self) -> int:
        """How many groups were written."""
        return sum(count for _, count in self.counts)


class Grammar:
    """The rules of one request.

    `channels` are those the answer may use (by default every channel with signals), `required`
    the least number of groups of each, `max_media` the most groups in all, `eos` the ids that end
    an answer, `never` ids that may not be written at all. Groups of `unsampled` channels are
    written where they are required, at the end, and never chosen.

    Raises:
        RequestError: media are required that are not made, or more than `max_media`.
    """

    def __init__(
        self,
        vocabulary: SignalVocabulary,
        *,
        eos: Collection[int],
        channels: Collection[str] | None = None,
        unsampled: Collection[str] = (),
        required: Mapping[str, int] | None = None,
        max_media: int = 8,
        never: Iterable[int] = (),
    ) -> None:
        usable = tuple(c for c in vocabulary.channels if channels is None or c in channels)
        self._vocabulary = vocabulary
        self._eos = frozenset(eos)
        self._firsts = {channel: vocabulary.block(channel).first for channel in usable}
        self._unsampled = frozenset(unsampled)
        self._required = {c: n for c, n in (required or {}).items() if n > 0}
        _check_required(self._required, usable, max_media)
        self._max_media = max_media
        not_first = set(range(vocabulary.base, vocabulary.end)) - set(self._firsts.values())
        self._never = tuple(sorted(not_first | set(never)))
        self._banned: dict[frozenset[str], Tensor] = {}

    def start(self) -> GrammarState:
        """The state before the first id."""
        return GrammarState()

    def missing(self, state: GrammarState) -> tuple[str, ...]:
        """The channels whose groups are still required, each as often as it is missing."""
        have = dict(state.counts)
        return tuple(c for c, n in self._required.items() for _ in range(n - have.get(c, 0)))

    def open_channels(self, state: GrammarState) -> frozenset[str]:
        """The channels a group of which may come next: room is kept for what is required."""
        room = self._max_media - state.groups
        missing = self.missing(state)
        if room <= 0:
            return frozenset()
        usable = frozenset(missing) if room <= len(missing) else frozenset(self._firsts)
        return usable - self._unsampled

    def banned(self, state: GrammarState) -> Tensor:
        """The ids (N,) that may not be sampled next; the same tensor for equal situations."""
        allowed = self.open_channels(state)
        if allowed not in self._banned:
            shut = {first for c, first in self._firsts.items() if c not in allowed}
            self._banned[allowed] = torch.tensor(sorted({*self._never, *shut}), dtype=torch.long)
        return self._banned[allowed]

    def mask_(self, logits_V: Tensor, state: GrammarState) -> Tensor:
        """Set the logits (..., V) of what may not come next to minus infinity, in place."""
        return logits_V.index_fill_(-1, self.banned(state).to(logits_V.device), float("-inf"))

    def accept(self, state: GrammarState, token: int) -> tuple[GrammarState, tuple[int, ...]]:
        """The state after sampling `token`, and the ids to append for it.

        Those are the id itself; the whole group for its first id; a required group in the place
        of an end that comes too early; nothing for an end that is due.
        """
        if token in self._eos:
            missing = self.missing(state)
            if not missing:
                return state, ()
            return self._group(state, missing[0])
        if self._vocabulary.is_signal(token):
            return self._group(state, self._vocabulary.channel_of(token))
        return state, (token,)

    @property
    def overrun(self) -> int:
        """The most ids that may come after the last place: a group begun there, all required."""
        counts = {channel: self._vocabulary.block(channel).count for channel in self._firsts}
        required = sum(counts[channel] * n for channel, n in self._required.items())
        return max(counts.values(), default=1) - 1 + required

    def _group(self, state: GrammarState, channel: str) -> tuple[GrammarState, tuple[int, ...]]:
        counts = dict(state.counts)
        counts[channel] = counts.get(channel, 0) + 1
        after = replace(state, counts=tuple(sorted(counts.items())))
        return after, self._vocabulary.block(channel).ids


def _check_required(required: Mapping[str, int], usable: Collection[str], most: int) -> None:
    unknown = sorted(set(required) - set(usable))
    if unknown:
        have = ", ".join(usable) or "none"
        raise RequestError(
            "required counts",
            f"{', '.join(unknown)}: the system makes no such media",
            f"channels that make media: {have}",
        )
    if (count := sum(required.values())) > most:
        raise RequestError(
            "required counts",
            f"{count} media are required, and an answer holds at most {most}",
            f"require fewer, or raise the limit: max_media={count} with the request, or "
            f"generation.max_media={count} in the config",
        )
