"""What has been written of one answer, and when. Knows nothing about who writes it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from nextgpt_core.answer import (
    Answer,
    AnswerPart,
    FailedMedia,
    Finish,
    GeneratedMedia,
    MediaStarted,
    Text,
    TextDelta,
    Timings,
)


class Record:
    """Grows into an `Answer`. The clock starts when it is made."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.finish: Finish = "end"
        self.reused_tokens = 0
        self.prefilled_tokens = 0
        self.encoded_media = 0
        self.ids: list[int] = []
        self.notes: list[str] = []
        self._parts: list[str | int] = []  # text, or the index of a medium
        self._began = time.perf_counter()
        self._first_text_s: float | None = None
        self._language_s = 0.0

    @property
    def written(self) -> str:
        """The text so far."""
        return "".join(part for part in self._parts if isinstance(part, str))

    @property
    def since_medium(self) -> str:
        """The text since the last medium."""
        return self._parts[-1] if self._parts and isinstance(self._parts[-1], str) else ""

    def text(self, piece: str) -> Iterator[TextDelta]:
        """Add streamed text; an event unless it is empty."""
        if not piece:
            return
        if self._first_text_s is None:
            self._first_text_s = self._elapsed()
        if self._parts and isinstance(self._parts[-1], str):
            self._parts[-1] += piece
        else:
            self._parts.append(piece)
        yield TextDelta(piece)

    def medium(self, started: MediaStarted) -> MediaStarted:
        """Add the place of a medium."""
        self._parts.append(started.index)
        return started

    def ended(self, finish: Finish) -> None:
        """The language model is done."""
        self.finish = finish
        self._language_s = self._elapsed()

    def answer(self, outcomes: Mapping[int, GeneratedMedia | FailedMedia]) -> Answer:
        """The answer, with what became of its media."""
        parts: list[AnswerPart] = [
            Text(part) if isinstance(part, str) else outcomes[part] for part in self._parts
        ]
        timings = Timings(
            first_text_s=self._first_text_s,
            language_s=self._language_s,
            total_s=self._elapsed(),
            prefilled_tokens=self.prefilled_tokens,
            reused_tokens=self.reused_tokens,
            generated_tokens=len(self.ids),
            encoded_media=self.encoded_media,
        )
        ids, notes = tuple(self.ids), tuple(self.notes)
        return Answer(tuple(parts), self.seed, self.finish, ids, timings, notes)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began
