"""One answer while the language model writes it. Knows no pass, and no other answer.

It says what is to be read next, takes what the model makes of that, and puts pieces into a queue
that whoever asked takes them from.

Legend: T positions, D width, S signals of a group, V vocabulary.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nextgpt_core.answer import Cancel, Finish
from nextgpt_core.engine.prefix import Prefix
from nextgpt_core.engine.sampling import Sampler, TextStream
from nextgpt_core.llm.backbone import Run
from nextgpt_core.llm.head import all_finite
from nextgpt_core.signal import Grammar, SignalVocabulary

AHEAD = 32  # pieces that nobody has taken: then its consumer is waited for


@dataclass(frozen=True)
class Token:
    """One token of text, and the text that is certain with it."""

    id: int
    text: str


@dataclass(frozen=True)
class Group:
    """One whole signal group, the states its medium is made from, and the text before it."""

    channel: str
    ids: tuple[int, ...]
    hidden_SD: Tensor
    text: str


@dataclass(frozen=True)
class End:
    """The last piece: nothing more will be written."""

    finish: Finish
    text: str


Piece = Token | Group | End


class NotFinite(Exception):
    """The model gives numbers that are none; who knows where they begin says so."""


class Writing:
    """One answer, `alone` in its passes or not.

    `x_1TD` embeds the prompt's positions `keys`, which `prefix` does not hold; `prefix` grows with
    all that is computed. Whatever ends the answer, groups still required are written first; a group
    is never cut, so an answer may be longer than `max_tokens` by one group and what is required.
    Its own thread takes pieces; everything else is the language model's thread's.
    """

    def __init__(
        self,
        vocabulary: SignalVocabulary,
        prefix: Prefix,
        keys: Sequence[Hashable],
        x_1TD: Tensor,
        *,
        grammar: Grammar,
        sampler: Sampler,
        text: TextStream,
        max_tokens: int,
        alone: bool,
        cancel: Cancel,
    ) -> None:
        self.prefix, self.alone, self.cancel = prefix, alone, cancel
        self.pieces: queue.SimpleQueue[Piece | BaseException] = queue.SimpleQueue()
        self.place: Any = None  # a `Slot` while it is read on, where a family's sequences have one
        self.released = threading.Event()  # its prefix is nobody's but its own thread's again
        self.last: End | None = None  # what is said when it is released
        self._vocabulary = vocabulary
        self._keys, self._x_1TD = keys, x_1TD  # of a prompt, from the first position not read yet
        self._ids: tuple[int, ...] = ()  # written, but not read yet
        self._group: tuple[int, ...] = ()  # the last of these, where they are one
        self._grammar, self._sampler, self._text = grammar, sampler, text
        self._state, self._written, self._most = grammar.start(), 0, max_tokens
        self._finish: Finish | None = None  # then only what is required is written
        self._missing: list[str] = []

    @property
    def waits(self) -> bool:
        """Whether its consumer has enough to take first."""
        return self.pieces.qsize() >= AHEAD

    @property
    def writes(self) -> bool:
        """Whether its prompt has been read."""
        return not self._keys

    @property
    def unread(self) -> int:
        """How many positions come next."""
        return len(self._keys) or len(self._ids)

    def chunk(self, most: int) -> int:
        """A prompt may be cut anywhere: no medium yet is read both ways."""
        return most

    def upcoming(self, count: int) -> tuple[Sequence[Hashable], Tensor | None]:
        """What stands at the next positions, and their embeddings where they are a prompt's."""
        if self._keys:
            return self._keys[:count], self._x_1TD[:, :count]
        return self._ids, None

    def took(self, count: int, run: Run) -> Tensor | None:
        """The next positions have been read; the state (D,) to choose by, if one is to be chosen.

        Raises:
            NotFinite: their states are not.
        """
        keys, _ = self.upcoming(count)
        self.prefix.keys.extend(keys)
        if not all_finite(run.final_BTD[0, -1]):  # as it is after any that was not
            raise NotFinite
        if self._keys:
            self._keys, self._x_1TD = self._keys[count:], self._x_1TD[:, count:]
            return None if self._keys else run.final_BTD[0, -1]
        self._ids, group = (), self._group
        if group:
            hidden_SD = run.hidden_BTD[0, -len(group) :].clone()
            if not all_finite(hidden_SD):
                raise NotFinite
            channel = self._vocabulary.channel_of(group[0])
            self.pieces.put(Group(channel, group, hidden_SD, self._text.flush()))
        if self._finish:
            self._require()
        elif self._written >= self._most:
            self._close("length")
        return None if self._finish else run.final_BTD[0, -1]

    def choose(self, logits_V: Tensor) -> None:
        """Write what comes next.

        Raises:
            NotFinite: the logits are not.
        """
        if not all_finite(logits_V):
            raise NotFinite
        logits_V = self._grammar.mask_(logits_V, self._state)
        self._state, ids = self._grammar.accept(self._state, self._sampler.choose(logits_V))
        if not ids:
            self.last = End("end", self._text.flush())
            return
        self._ids, self._group = ids, ids if self._vocabulary.is_signal(ids[0]) else ()
        self._written += len(ids)
        if self._group:
            return
        self.pieces.put(Token(ids[0], self._text.feed(ids[0])))
        if self._text.stopped:
            self._close("stop")
        elif self._written >= self._most:
            self._close("length")

    def over(self, last: Piece | BaseException) -> None:
        """Nothing more will come: the end, or why not."""
        self.pieces.put(last)
        self.released.set()

    def _close(self, finish: Finish) -> None:
        self._finish = finish
        self._missing = list(self._grammar.missing(self._state))
        self._require()

    def _require(self) -> None:
        """The next group that is still required, or the end."""
        if not self._missing:
            assert self._finish
            self.last = End(self._finish, self._text.flush())
            return
        self._group = self._vocabulary.block(self._missing.pop(0)).ids
        self._ids += self._group
