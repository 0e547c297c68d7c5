"""Who reads on in the next pass of a language model, and how far. Knows no model, and no time.

Whoever writes, a token or a signal group, is in every pass; what prompts add to it is bounded, so
that a long one never holds up the others. Of that bound the prompt that came first gets a quarter,
so that it advances whatever comes after it; the rest goes to those that need least, so that a short
question beside a long one is answered soon.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_SHARES = 4  # a pass's room for prompts is cut in so many; the oldest has one to itself


class Waiting(Protocol):
    """A sequence that can go on."""

    @property
    def unread(self) -> int:
        """How many positions it is to read: one or more."""

    @property
    def writes(self) -> bool:
        """Whether it wrote these positions, and reads them at once; a prompt is read in chunks."""

    @property
    def alone(self) -> bool:
        """Whether no other may be in its passes."""

    def chunk(self, most: int) -> int:
        """How much of its prompt to read if it is to be `most`: more only of what is never cut."""


W = TypeVar("W", bound=Waiting)


@dataclass(frozen=True)
class Turn(Generic[W]):
    """A sequence reads so many positions."""

    who: W
    count: int


class Scheduler(Generic[W]):
    """At most `rows` sequences in a pass, and `positions` of prompts.

    Where more than `rows` could go on, those whose last turn is longest ago come first.
    """

    def __init__(self, *, rows: int, positions: int) -> None:
        self._rows = rows
        self._positions = positions
        self._passes = 0
        self._served: dict[W, int] = {}  # by arrival: the pass in which each was last

    def __len__(self) -> int:
        return len(self._served)

    def __iter__(self) -> Iterator[W]:
        return iter(tuple(self._served))

    def add(self, one: W) -> None:
        """It has come."""
        self._served[one] = self._passes

    def remove(self, one: W) -> None:
        """It has gone."""
        del self._served[one]

    def next(self, ready: Collection[W]) -> list[Turn[W]]:
        """The turns of the next pass, of those of its sequences that are ready."""
        arrived = [one for one in self._served if one in ready]
        waited = sorted(arrived, key=self._served.__getitem__)
        if not waited:
            return []
        if waited[0].alone or self._rows == 1:
            turns = [_turn(waited[0], self._positions)]
        else:
            company = [one for one in waited if not one.alone][: self._rows]
            turns = [_turn(one, one.unread) for one in company if one.writes]
            turns += self._share([one for one in arrived if one in company and not one.writes])
        self._passes += 1
        self._served |= {turn.who: self._passes for turn in turns}
        return turns

    def _share(self, prompts: Sequence[W]) -> Iterator[Turn[W]]:
        """The turns of prompts, which come by arrival."""
        left = self._positions
        own = {one: min(one.unread, max(1, left // _SHARES)) for one in prompts[:1]}
        left -= sum(own.values())
        for one in sorted(prompts, key=lambda prompt: prompt.unread):
            kept = own.get(one, 0)
            count = min(one.unread, left + kept)
            left -= count - kept
            if count:
                yield _turn(one, count)


def _turn(one: W, most: int) -> Turn[W]:
    return Turn(one, one.unread if one.writes or one.unread <= most else one.chunk(most))
