"""What a benchmark compares: two sides, each run by turns with the other. Takes no time itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

Pair = tuple[float, float]
"""(ours, other) of one figure, in its unit."""

Side = Callable[[], Sequence[float]]
"""Does the work once, and says how long it took or how much was done: a number for each figure."""

Rounds = Iterator[Sequence[Pair]]
"""With each step both sides once more: a pair for each figure. It is closed after the last."""


@dataclass(frozen=True)
class Figure:
    """One row of the table: what is measured, in which unit, and what the two sides are."""

    name: str  # dotted, its group first: what `--only` and goals name
    what: str  # one line
    unit: str  # "s", "tokens/s", "MB"
    ours: str  # how this side works, in a few words
    other: str


@dataclass(frozen=True)
class Comparison:
    """Two sides run by turns, and the figures that each run gives; `rounds` begins with set-up."""

    figures: tuple[Figure, ...]
    rounds: Callable[[], Rounds]
    asked: bool = False  # measured only where it is named


@dataclass(frozen=True)
class LeftOut:
    """A figure, or a group of them, that this system cannot have, and why."""

    name: str
    why: str


def alternating(ours: Side, other: Side) -> Rounds:
    """Both sides by turns: A B, B A, A B, … after a run of each that does not count.

    What drifts while they run (a processor's clock, what else is going on) meets both alike.
    """
    other(), ours()
    for turn in count():
        if turn % 2:
            theirs, own = other(), ours()
        else:
            own, theirs = ours(), other()
        yield tuple(zip(own, theirs, strict=True))
