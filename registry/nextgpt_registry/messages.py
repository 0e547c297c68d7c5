"""Conversations as ordered parts: what is asked, answered and trained on. Holds no tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nextgpt_registry.media import Media

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class MediaPart:
    """A medium in a turn, under the channel that carries it.

    In an assistant turn of training data, `caption` says what the medium shows (the caption
    alignment loss wants it) and `media` may be `None` (then there is no denoising loss).
    """

    channel: str
    media: Media | None = None
    caption: str = ""

    def _repr_html_(self) -> str | None:
        return self.media._repr_html_() if self.media else None


Part = str | MediaPart


@dataclass(frozen=True)
class Message:
    """What one side says, in order: text and media of any channel, any number."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def media(self) -> tuple[MediaPart, ...]:
        """The media parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, MediaPart))


Dialogue = Sequence[Message]
