"""A conversation: turns that are remembered. Knows nothing about how they are answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Unpack

from nextgpt_core import given
from nextgpt_core.answer import Answer, AnswerPart, Made, Text, warned
from nextgpt_core.engine.events import Event, Finished
from nextgpt_core.options import Options
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.reading import GivenPart
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import MediaPart, Part, Turn


class Conversation:
    """Grows by a turn of each side with every answer; a broken-off answer leaves no trace.

    Media are not encoded again, and what is shared with the turns before is not computed again.
    """

    def __init__(self, pipeline: Pipeline, *, history: Sequence[Turn] = ()) -> None:
        if not isinstance(pipeline, Pipeline):
            raise RequestError(
                "conversation", f"is with a {type(pipeline).__name__}", "give a Pipeline"
            )
        self._pipeline = pipeline
        self._turns = list(given.turns(history))
        self._answered: dict[int, tuple[int, ...]] = {}
        self._busy = threading.Lock()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said so far."""
        return tuple(self._turns)

    def say(self, parts: GivenPart | Sequence[GivenPart], **options: Unpack[Options]) -> Answer:
        """The answer to the next turn; see `Pipeline.chat`."""
        for event in self.stream(parts, **options):
            if isinstance(event, Finished):
                return warned(event.answer)
        raise AssertionError("a stream ends with Finished or an error")

    def stream(
        self, parts: GivenPart | Sequence[GivenPart], **options: Unpack[Options]
    ) -> Iterator[Event]:
        """The events of the answer to the next turn; see `Pipeline.stream`."""
        turn = Turn("user", self._pipeline.reader.parts(parts))
        events = self._pipeline.ask((*self._turns, turn), answered=self._answered, **options)
        return self._remember(turn, events)

    def reset(self) -> None:
        """Forget everything."""
        self._turns.clear()
        self._answered.clear()

    def _remember(self, turn: Turn, events: Iterator[Event]) -> Iterator[Event]:
        if not self._busy.acquire(blocking=False):
            raise RequestError(
                "conversation", "is still answering", "wait for it, or start another conversation"
            )
        try:
            with closing(events):  # type: ignore[type-var]
                for event in events:
                    if isinstance(event, Finished):
                        self._add(turn, event.answer)
                    yield event
        finally:
            self._busy.release()

    def _add(self, turn: Turn, answer: Answer) -> None:
        self._turns += [turn, answer_turn(answer)]
        if answer.finish != "stop":  # the ids go on into the stop string, which was not said
            self._answered[len(self._turns) - 1] = answer.ids


def answer_turn(answer: Answer) -> Turn:
    """An answer as a turn of the conversation that goes on."""
    return Turn("assistant", tuple(_part(part) for part in answer.parts))


def _part(part: AnswerPart) -> Part:
    match part:
        case Text(text):
            return text
        case Made(channel, media):
            return MediaPart(channel, media)
        case _:
            return MediaPart(part.channel)
