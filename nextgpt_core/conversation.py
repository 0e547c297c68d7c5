"""A conversation: turns that are remembered. Knows nothing about how they are answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Protocol, Unpack, runtime_checkable

from nextgpt_core.answer import (
    Answer,
    AnswerPart,
    Event,
    Finished,
    GeneratedMedia,
    Text,
    finished,
    with_warnings,
)
from nextgpt_core.intake.arguments import Options
from nextgpt_core.intake.reading import GivenPart, Reader
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import MediaPart, Message, Part


@runtime_checkable
class Asked(Protocol):
    """What answers: a `Pipeline`."""

    @property
    def reader(self) -> Reader:
        """Makes parts of what is given."""

    def ask(
        self,
        messages: Sequence[Message],
        *,
        answered: Mapping[int, Sequence[int]] | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Event]:
        """The events of the answer to a whole conversation."""


class Conversation:
    """Grows by a turn of each side with every answer; a broken-off answer leaves no trace.

    Media are not encoded again, and what is shared with the turns before is not computed again.
    """

    def __init__(self, pipeline: Asked, *, history: Sequence[Message] = ()) -> None:
        if not isinstance(pipeline, Asked):
            raise RequestError(
                "conversation", f"is with a {type(pipeline).__name__}", "give a Pipeline"
            )
        self._pipeline = pipeline
        self._messages = list(pipeline.reader.messages(history))
        self._answered: dict[int, tuple[int, ...]] = {}
        self._busy = threading.Lock()

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far."""
        return tuple(self._messages)

    def say(self, parts: GivenPart | Sequence[GivenPart], **options: Unpack[Options]) -> Answer:
        """The answer to the next turn; see `Pipeline.chat`."""
        return with_warnings(finished(self.stream(parts, **options)))

    def stream(
        self, parts: GivenPart | Sequence[GivenPart], **options: Unpack[Options]
    ) -> Iterator[Event]:
        """The events of the answer to the next turn; see `Pipeline.stream`."""
        asked = self._pipeline.reader.request(parts, self._messages)
        events = self._pipeline.ask(asked, answered=self._answered, **options)
        return self._remember(asked, events)

    def reset(self) -> None:
        """Forget everything."""
        self._messages.clear()
        self._answered.clear()

    def _remember(self, asked: Sequence[Message], events: Iterator[Event]) -> Iterator[Event]:
        if not self._busy.acquire(blocking=False):
            raise RequestError(
                "conversation", "is still answering", "wait for it, or start another conversation"
            )
        try:
            with closing(events):  # type: ignore[type-var]
                for event in events:
                    if isinstance(event, Finished):
                        self._add(asked, event.answer)
                    yield event
        finally:
            self._busy.release()

    def _add(self, asked: Sequence[Message], answer: Answer) -> None:
        self._messages = [*asked, answer_message(answer)]
        if answer.finish != "stop":  # the ids go on into the stop string, which was not said
            self._answered[len(self._messages) - 1] = answer.ids


def answer_message(answer: Answer) -> Message:
    """An answer as a turn of the conversation that goes on."""
    return Message("assistant", tuple(_part(part) for part in answer.parts))


def _part(part: AnswerPart) -> Part:
    match part:
        case Text(text):
            return text
        case GeneratedMedia(channel, media):
            return MediaPart(channel, media)
        case _:
            return MediaPart(part.channel)
