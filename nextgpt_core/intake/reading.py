"""What is asked: the parts of a turn, a message or a whole conversation.

Ours, or as chat APIs spell them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from nextgpt_core.answer import GeneratedMedia, Text
from nextgpt_core.intake import spelled
from nextgpt_core.intake.arguments import listed, message, text
from nextgpt_core.intake.media import MediaReader
from nextgpt_core.intake.sources import data_url, is_open, is_packed
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, RequestError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.messages import MediaPart, Message, Part
from nextgpt_registry.paths import shortened
from nextgpt_registry.plan import Plan

GivenPart = Any
"""Text (a string), or a medium: a path, an open file, bytes, a data URL, a `Media` or `MediaPart`,
an object that a plugin adopts (a picture of Pillow, an array, …), a part as chat APIs spell it, or
any of them under the name of its channel: `(NAME, content)`.

A string is text, even if it looks like a path or an address; the name of a file that is there is
refused, for it was hardly meant so.
"""

_LONE = str | bytes | bytearray | memoryview | io.IOBase
"""What could be gone through, and is one part."""

_PARTS = "give text, a Path, or a list of them and (NAME, content)"

_FIX = (
    "give a list of Message(role, (text or MediaPart, …)), as `Conversation.messages` is, or of "
    '{"role": …, "content": …}'
)


class Reader(MediaReader):
    """Reads what is asked of one system."""

    def __init__(self, catalog: Catalog, channels: Mapping[str, str]) -> None:
        super().__init__(catalog, channels)
        suffixes = {s for name in channels for s in self._channels.modality(name).suffixes}
        self._suffixes = tuple(suffixes)

    @classmethod
    def of_plan(cls, plan: Plan, catalog: Catalog) -> Self:
        """The reader of a system, which need not be live."""
        return cls(catalog, {n: c.modality.name for n, c in plan.channels.items() if c.encoder})

    def request(self, given: GivenPart, history: Any) -> tuple[Message, ...]:
        """What is asked, after what was said before.

        Raises:
            MediaError: a medium cannot be read.
            RequestError: no channel takes it, or the last message is none of a user.
        """
        before = self.messages(history)
        if isinstance(given, Iterator) and not hasattr(given, "read"):
            given = listed(given, "request", _PARTS)
        given = [given] if _is_message(given) else given
        if not (isinstance(given, list) and any(map(_is_message, given))):
            return (*before, Message("user", self.parts(given)))
        asked = self.messages(given, "request")
        if asked[-1].role != "user":
            what = f"ends with a message of the {asked[-1].role}"
            raise RequestError("request", what, "end with one of the user")
        return (*before, *asked)

    def messages(self, given: Any, who: str = "history") -> tuple[Message, ...]:
        """Messages, whose media are read.

        Raises:
            MediaError: a medium cannot be read.
            RequestError: one of them is no message.
        """
        return tuple(
            self._message(one, f"{who}[{place}]")
            for place, one in enumerate(listed(given, who, _FIX))
        )

    def parts(self, given: GivenPart | Sequence[GivenPart]) -> tuple[Part, ...]:
        """A user's turn; a lone part needs no list, but for `(NAME, content)`.

        Raises:
            MediaError: a medium cannot be read.
            RequestError: no channel takes it.
        """
        if isinstance(given, tuple):
            what = "is a tuple, which could be (NAME, content) or several parts"
            raise RequestError("request", what, "write [(NAME, content)], or [part, part, …]")
        if not isinstance(given, Sequence | Iterator) or isinstance(given, _LONE):
            return (self.part(given),)
        return tuple(self.part(one) for one in listed(given, "request", _PARTS))

    def part(self, given: GivenPart) -> Part:
        """One part; see `GivenPart`."""
        match given:
            case str():
                return self._meant(given) if self._is_like_a_medium(given) else text(given)
            case Text():
                return text(given.text)
            case GeneratedMedia():
                return self._known(MediaPart(given.channel, given.media))
            case os.PathLike():
                return self.path(given)
            case bytes() | bytearray() | memoryview() | io.BytesIO():
                return self._bytes(given)
            case Media():
                return self._known(MediaPart(self._channels.named(given.modality), given))
            case MediaPart():
                return self._known(given)
            case (str() as name, content) if isinstance(given, tuple):
                return self._named(name, content)
            case Mapping():
                return self._spelled(given)
        return self._open(given) if is_open(given) else self._adopted(given)

    def medium(self, given: GivenPart) -> MediaPart:
        """A part that is a medium; a string is a path, a data URL or the URL of a file."""
        if isinstance(given, str):
            return self.argument(given)
        found = self.part(given)
        if isinstance(found, str):
            raise MediaError("medium", f"is the text {shortened(found)}", "give a medium")
        return found

    def _message(self, given: Any, who: str) -> Message:
        if not (isinstance(given, Mapping) and _is_message(given)):
            return message(given, who, _FIX, read=self.part)
        role = spelled.role_of(given, who)
        parts = listed(
            spelled.content_of(given, who), f"{who}.content", "give a text, or a list of parts"
        )
        own = role == "assistant"  # its media may be of channels that take none, and be gone
        read = tuple(p if own and isinstance(p, MediaPart) else self.part(p) for p in parts)
        return message(Message(role, read), who, _FIX)

    def _is_like_a_medium(self, given: str) -> bool:
        """Whether a text begins as a data URL does, or ends as the names of media's files do."""
        said = given.strip().lower()
        return said.startswith("data:") or said.endswith(self._suffixes)

    def _meant(self, given: str) -> Part:
        """A text, or the medium of a data URL that can be nothing else."""
        if is_packed(given):
            return self.blob(data_url(given))
        self._channels.refuse_file(given)
        return text(given)

    def _spelled(self, part: Mapping[Any, Any]) -> Part:
        """A part as chat APIs spell it."""
        kind = spelled.type_of(part)
        if kind in spelled.TEXTS:
            return text(spelled.text_of(part, kind))
        channels = self._channels.of_type(kind)
        content = spelled.held_by(part, kind)
        if isinstance(content, Blob):
            who = content.name or f"{kind} part"
            channels = self._channels.within(channels, len(content.data), who)
            return self._decode(content, channels, who)
        if len(channels) == 1:
            return self._named(channels[0], content)
        return self._adopted(content, channels)


def _is_message(given: object) -> bool:
    """Whether it is a whole message, and no part of one."""
    return isinstance(given, Message) or (isinstance(given, Mapping) and "role" in given)
