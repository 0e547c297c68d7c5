"""Which ids may be written next, so that groups are whole and required media appear.

After the first id of a group the rest is certain: it is appended, not sampled. Ending the answer
while something is still required opens a required group instead. Knows nothing about logits
beyond their number, and holds no state of its own: a `GrammarState` is one answer so far.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nextgpt_core.signal.vocabulary import SignalVocabulary
from nextgpt_registry.errors import RequestError


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
