"""Turn token ids into text and signal spans, as they arrive. Knows nothing about modalities.

Only ids count: text that merely spells a signal is text. Text is passed on at once; a group is
passed on when its last id has arrived. Under the grammar a group is always whole; ids of one that
is not (from a model run without the grammar) come out as a `StraySpan`, never as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nextgpt_core.signal.vocabulary import SignalVocabulary


@dataclass(frozen=True)
class TextSpan:
    """Ordinary token ids; `start` is the place of the first one in the stream."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class GroupSpan:
    """One whole group of a channel's signals."""

    channel: str
    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class StraySpan:
    """Signal ids that make no group."""

    ids: tuple[int, ...]
    start: int


Span = TextSpan | GroupSpan | StraySpan


class Scanner:
    """Reads a stream of ids piece by piece; the cut points never change what is found."""

    def __init__(self, vocabulary: SignalVocabulary) -> None:
        self._vocabulary = vocabulary
        self._base = vocabulary.base
        self._open: list[int] = []  # the ids of a group that is not whole yet
        self._position = 0

    def feed(self, ids: Iterable[int]) -> list[Span]:
        """The spans that these ids complete. Adjacent text arrives in as many spans as feeds."""
        spans: list[Span] = []
        text: list[int] = []
        for token in ids:
            if token < self._base:
                spans += self._abandon()
                text.append(token)
            else:
                self._end_text(text, spans)
                spans += self._signal(token)
            self._position += 1
        self._end_text(text, spans)
        return spans

    def flush(self) -> list[Span]:
        """What is left at the end of the stream: nothing, or the ids of a torn group."""
        return self._abandon()

    def _end_text(self, text: list[int], spans: list[Span]) -> None:
        if text:
            spans.append(TextSpan(tuple(text), self._position - len(text)))
            text.clear()

    def _signal(self, token: int) -> list[Span]:
        spans: list[Span] = []
        block = self._vocabulary.block_of(token)
        if self._open and (token == block.first or token != self._open[-1] + 1):
            spans += self._abandon()
        self._open.append(token)
        if self._open[0] == block.first and len(self._open) == block.count:
            start = self._position + 1 - block.count
            spans.append(GroupSpan(block.channel, tuple(self._open), start))
            self._open.clear()
        return spans

    def _abandon(self) -> list[Span]:
        if not self._open:
            return []
        stray = StraySpan(tuple(self._open), self._position - len(self._open))
        self._open.clear()
        return [stray]
