"""The parts of an answer while it is written: what every endpoint makes its chunks or items of.

Events of the core become changes of parts, which have their place and, where they are media, their
id from the start. Knows no endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from nextgpt_core import (
    Answer,
    Event,
    Finished,
    MediaDone,
    MediaFailed,
    MediaNoted,
    MediaProgress,
    MediaStarted,
    TextDelta,
)
from nextgpt_registry.errors import Cancelled, NextGPTError
from nextgpt_serve.channels import Channel, Channels
from nextgpt_serve.media.files import file_of
from nextgpt_serve.media.store import Entry, MediaStore


@dataclass
class TextPart:
    """A stretch of text."""

    index: int
    text: str = ""


@dataclass
class MediumPart:
    """A medium: on its way, there, or failed."""

    index: int
    channel: Channel
    entry: Entry
    prompt: str = ""
    status: Literal["in_progress", "completed", "failed"] = "in_progress"
    steps: tuple[int, int] | None = None  # done, of how many
    seconds: float | None = None
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def error(self) -> dict[str, str]:
        """What is said of one that failed; why is in the log."""
        message = f"the {self.channel.name} could not be made"
        return {"type": "server_error", "code": "media_failed", "message": message}


Part = TextPart | MediumPart


@dataclass(frozen=True)
class Change:
    """A part began, a text went on by `text`, a decoder made a step, a part is whole."""

    kind: Literal["begun", "text", "step", "ended"]
    part: Part
    text: str = ""


class Writing:
    """One answer. `formats` has the suffix that media of a channel are written with."""

    def __init__(
        self, channels: Channels, store: MediaStore, owner: str, formats: Mapping[str, str]
    ) -> None:
        self.parts: list[Part] = []
        self.notes: list[str] = []
        self.answer: Answer | None = None  # when it is whole
        self._channels, self._store, self._owner = channels, store, owner
        self._formats = formats
        self._media: dict[int, MediumPart] = {}

    async def changes(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Change, None]:
        """What each event changes."""
        try:
            async for event in events:
                match event:
                    case TextDelta(text):
                        for change in self._text(text):
                            yield change
                    case MediaStarted():
                        for change in (*self._whole(), self._begun(event)):
                            yield change
                    case MediaProgress(index, done, total):
                        self._media[index].steps = (done, total)
                        yield Change("step", self._media[index])
                    case MediaDone():
                        yield await self._done(event)
                    case MediaFailed(index, _, error):
                        yield self._failed(self._media[index], error)
                    case MediaNoted(channel, text):
                        self.notes.append(f"{channel}: {text}")
                    case Finished(answer):
                        for change in self._whole():
                            yield change
                        self.answer = answer
        finally:
            for part in self._media.values():  # of an answer that was called off
                self._store.failed(part.entry, Cancelled())

    def _text(self, text: str) -> list[Change]:
        changes = []
        if not self.parts or not isinstance(self.parts[-1], TextPart):
            self.parts.append(TextPart(len(self.parts)))
            changes.append(Change("begun", self.parts[-1]))
        part = self.parts[-1]
        assert isinstance(part, TextPart)
        part.text += text
        return [*changes, Change("text", part, text)]

    def _whole(self) -> list[Change]:
        """The text before a medium, or at the end, is whole."""
        last = self.parts[-1:]
        return [Change("ended", part) for part in last if isinstance(part, TextPart)]

    def _begun(self, event: MediaStarted) -> Change:
        channel = self._channels[event.channel]
        suffix = self._formats.get(channel.name) or channel.suffix()
        entry = self._store.begin(
            self._owner, channel.name, mime=channel.mime(suffix), suffix=suffix
        )
        part = MediumPart(len(self.parts), channel, entry, event.prompt)
        self._media[event.index] = part
        self.parts.append(part)
        return Change("begun", part)

    async def _done(self, event: MediaDone) -> Change:
        part = self._media[event.index]
        try:
            data = await asyncio.to_thread(file_of, event.media, part.entry.suffix)
        except NextGPTError as error:
            return self._failed(part, error)
        self._store.done(part.entry, event.media, data)
        part.status, part.seconds, part.about = "completed", event.seconds, event.media.about
        return Change("ended", part)

    def _failed(self, part: MediumPart, error: NextGPTError) -> Change:
        self._store.failed(part.entry, error)
        part.status = "failed"
        return Change("ended", part)
