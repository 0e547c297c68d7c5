"""What happens while a request is answered, in order. Knows nothing about how to show it.

    MediaNoted* TextDelta* (MediaStarted -> MediaProgress* -> MediaDone | MediaFailed)* Finished

`MediaStarted` comes at the place in the text where the medium belongs, and counts up from 0;
the later events of a medium carry the same `index` and may arrive while text goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from nextgpt_core.answer import Answer
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.media import Media


@dataclass(frozen=True)
class MediaNoted:
    """Something of a medium just given is left out by its encoder; said once for each."""

    channel: str
    text: str


@dataclass(frozen=True)
class TextDelta:
    """More text: whole characters, and never a piece of a stop string."""

    text: str


@dataclass(frozen=True)
class MediaStarted:
    """The model asked for a medium here; its decoder has been called."""

    index: int
    channel: str
    prompt: str = ""  # that drives the decoder, on the caption route


@dataclass(frozen=True)
class MediaProgress:
    """A decoder finished `done` of `total` steps."""

    index: int
    done: int
    total: int


@dataclass(frozen=True)
class MediaDone:
    """A medium is ready."""

    index: int
    channel: str
    media: Media
    seconds: float


@dataclass(frozen=True)
class MediaFailed:
    """A medium will not come; the rest of the answer does."""

    index: int
    channel: str
    error: NextGPTError


@dataclass(frozen=True)
class Finished:
    """The last event: everything, in the order the model wrote it."""

    answer: Answer


MediaEvent = MediaStarted | MediaProgress | MediaDone | MediaFailed
Event = MediaNoted | TextDelta | MediaEvent | Finished
