"""What comes of one answer: text as it is written, media as they are ordered, awaited and made.

Decoders' workers put events into a queue; the request's own thread takes them out, so that all
events of a request come from one place, in one order. Knows nothing about who writes the text.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Mapping
from functools import partial

from pydantic import BaseModel

from nextgpt_core.answer import (
    Answer,
    AnswerPart,
    Cancel,
    FailedMedia,
    Finish,
    GeneratedMedia,
    MediaDone,
    MediaEvent,
    MediaFailed,
    MediaProgress,
    MediaStarted,
    Text,
    TextDelta,
    Timings,
)
from nextgpt_core.assembly.components import Item
from nextgpt_core.engine.worker import DecoderWorker, Job
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.media import Media

_POLL_S = 0.05  # how soon a request that only waits for media notices that it was called off


class Record:
    """Grows into an `Answer`. The clock starts when it is made."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.finish: Finish = "end"
        self.reused_tokens = 0
        self.prefilled_tokens = 0
        self.media_tokens = 0
        self.signal_tokens = 0
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
            media_tokens=self.media_tokens,
            generated_tokens=len(self.ids),
            signal_tokens=self.signal_tokens,
            encoded_media=self.encoded_media,
        )
        ids, notes = tuple(self.ids), tuple(self.notes)
        return Answer(tuple(parts), self.seed, self.finish, ids, timings, notes)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began


class Orders:
    """What one request asked decoders for. `options` are by channel, already checked."""

    def __init__(
        self,
        workers: Mapping[str, DecoderWorker],
        options: Mapping[str, BaseModel],
        *,
        alone: bool,
        cancel: Cancel,
    ) -> None:
        self.outcomes: dict[int, GeneratedMedia | FailedMedia] = {}
        self._words: dict[int, str] = {}
        self.placed = 0
        self._workers = workers
        self._options = options
        self._alone = alone
        self._cancel = cancel
        self._events: queue.SimpleQueue[MediaEvent] = queue.SimpleQueue()

    def place(self, channel: str, item: Item) -> MediaStarted:
        """Hand an item to its decoder and return at once."""
        index, began = self.placed, time.perf_counter()
        self.placed += 1
        self._words[index] = item.caption or ""

        def on_made(media: Media) -> None:
            seconds = time.perf_counter() - began
            self._events.put(MediaDone(index, channel, media, seconds))

        on_failed = partial(self._fail, index, channel)
        job = Job(
            item,
            self._options[channel],
            self._cancel,
            on_step=lambda done, total: self._events.put(MediaProgress(index, done, total)),
            on_made=on_made,
            on_failed=on_failed,
            alone=self._alone,
        )
        try:
            self._workers[channel].submit(job)
        except NextGPTError as error:
            on_failed(error)
        return MediaStarted(index, channel, self._words[index])

    def refuse(self, channel: str, error: NextGPTError) -> MediaStarted:
        """Note an item that cannot be handed to its decoder: it failed before it began."""
        index = self.placed
        self.placed += 1
        self._fail(index, channel, error)
        return MediaStarted(index, channel)

    def ready(self) -> Iterator[MediaEvent]:
        """The events that have come in, without waiting."""
        while not self._events.empty():
            yield self._noted(self._events.get())

    def rest(self) -> Iterator[MediaEvent]:
        """All events until every medium is done or failed.

        Raises:
            Cancelled: the request was called off.
        """
        while len(self.outcomes) < self.placed:
            self._cancel.check()
            try:
                event = self._events.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            yield self._noted(event)

    def _fail(self, index: int, channel: str, error: NextGPTError) -> None:
        _let_go(error)
        self._events.put(MediaFailed(index, channel, error))

    def _noted(self, event: MediaEvent) -> MediaEvent:
        match event:
            case MediaDone(index, channel, media, seconds):
                self.outcomes[index] = GeneratedMedia(channel, media, seconds, self._words[index])
            case MediaFailed(index, channel, error):
                self.outcomes[index] = FailedMedia(channel, error)
        return event


def _let_go(error: BaseException) -> None:
    """Forget where an error came through: answers are kept, and frames hold tensors."""
    found: list[BaseException | None] = [error]
    for one in found:  # it grows; an error may be its own cause
        if one is not None:
            one.__traceback__ = None
            found += [why for why in (one.__cause__, one.__context__) if why not in found]
