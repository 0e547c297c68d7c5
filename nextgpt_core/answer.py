"""A request, and what it comes back as: events while it is answered, and the answer. Knows not how.

    MediaNoted* TextDelta* (MediaStarted -> MediaProgress* -> MediaDone | MediaFailed)* Finished

`MediaStarted` comes at the place in the text where the medium belongs, and counts up from 0;
the later events of a medium carry the same `index` and may arrive while text goes on.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Literal

from nextgpt_core.display import display
from nextgpt_registry.config import Generation
from nextgpt_registry.errors import Cancelled, NextGPTError, RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import Message

Finish = Literal["end", "stop", "length"]
"""Why the language model stopped: it ended its turn, hit a stop string, or `max_tokens`."""


@dataclass(frozen=True)
class Request:
    """A conversation up to the answer that is wanted."""

    messages: tuple[Message, ...]
    generation: Generation = field(default_factory=Generation)
    required: Mapping[str, int] = field(default_factory=dict)  # media wanted, by channel
    decoder_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by channel
    answered: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """The exact ids of assistant turns that this model wrote, by index into `messages`."""
    channels: tuple[str, ...] | None = None  # those that media may be of; None: any


class Cancel:
    """A switch that any thread may throw, once, to stop a request; so do those of its parents."""

    def __init__(self, *parents: Cancel | None) -> None:
        for parent in parents:
            if parent is not None and not isinstance(parent, Cancel):
                what = f"its parent is a {type(parent).__name__}"
                raise RequestError("cancel", what, "give a Cancel")
        self._event = threading.Event()
        self._parents = tuple(filter(None, parents))

    def set(self) -> None:
        """Ask the request to stop."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether it was asked to stop."""
        return self._event.is_set() or any(parent.is_set for parent in self._parents)

    def check(self) -> None:
        """Return while the request goes on.

        Raises:
            Cancelled: it was asked to stop.
        """
        if self.is_set:
            raise Cancelled


def item_seed(seed: int, *path: int | str) -> int:
    """A seed of its own for one medium (or the text) of a request: 63 bits, stable for ever."""
    digest = hashlib.sha256("/".join(str(step) for step in (seed, *path)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True)
class Text:
    """A stretch of text between media."""

    text: str

    def __str__(self) -> str:
        """The text."""
        return self.text

    def _repr_html_(self) -> str:
        return f'<span style="white-space: pre-wrap">{escape(self.text)}</span>'


@dataclass(frozen=True)
class GeneratedMedia:
    """A medium that a decoder made."""

    channel: str
    media: Media
    seconds: float = 0.0  # from the close of its signal group to the finished medium
    prompt: str = ""  # that drove the decoder, on the caption route

    def save(self, path: str | Path) -> Path:
        """Write it in the format that the suffix of `path` says; returns the path.

        Raises:
            MediaError: its plugin writes no such format, or not there.
        """
        return self.media.save(path)

    def show(self) -> None:
        """Show it: in the notebook this runs in, else in a web browser.

        Raises:
            MediaError: no plugin shows it.
        """
        self.media.show()

    def __str__(self) -> str:
        """Its place in a text: `[NAME]`."""
        return f"[{self.channel}]"

    def _repr_html_(self) -> str | None:
        return self.media._repr_html_()

    def _repr_png_(self) -> bytes | None:
        return self.media._repr_png_()


@dataclass(frozen=True)
class FailedMedia:
    """A medium that could not be made, and why; the parts around it are whole."""

    channel: str
    error: NextGPTError

    def __str__(self) -> str:
        """Its place in a text, and what went wrong."""
        return f"[{self.channel}: {self.error}]"

    def _repr_html_(self) -> str:
        return f"<em>{escape(str(self))}</em>"


AnswerPart = Text | GeneratedMedia | FailedMedia


@dataclass(frozen=True)
class Timings:
    """Seconds from the start of the request, and what was spared."""

    first_text_s: float | None = None  # the first streamed text; None when there was none
    language_s: float = 0.0  # the language model's last token
    total_s: float = 0.0  # the last medium
    prefilled_tokens: int = 0  # prompt tokens that were computed
    reused_tokens: int = 0  # prompt tokens whose keys and values were kept from before
    media_tokens: int = 0  # of the prompt: where media stand
    generated_tokens: int = 0
    signal_tokens: int = 0  # of these: what media were ordered with
    encoded_media: int = 0  # media that an encoder was called for; the rest was cached


@dataclass(frozen=True)
class Answer:
    """An answer in the order the model wrote it."""

    parts: tuple[AnswerPart, ...]
    seed: int
    finish: Finish = "end"
    ids: tuple[int, ...] = ()  # every token generated, signals included, the end of turn not
    timings: Timings = field(default_factory=Timings)
    notes: tuple[str, ...] = ()  # what of the media given last was left out by their encoders

    def __str__(self) -> str:
        """The text, with `[NAME]` where a medium stands."""
        return "".join(map(str, self.parts))

    def _repr_html_(self) -> str:
        return "\n".join(part._repr_html_() or escape(str(part)) for part in self.parts)

    def show(self) -> None:
        """Show it: in the notebook this runs in, else in a web browser.

        Raises:
            MediaError: there is no browser.
        """
        display(self)

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def media(self) -> tuple[GeneratedMedia, ...]:
        """The media that were made, in order."""
        return tuple(part for part in self.parts if isinstance(part, GeneratedMedia))

    @property
    def failures(self) -> tuple[FailedMedia, ...]:
        """The media that were not, in order."""
        return tuple(part for part in self.parts if isinstance(part, FailedMedia))


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


def finished(events: Iterable[Event]) -> Answer:
    """The answer that a stream of events ends with; what the stream raises goes on."""
    for event in events:
        if isinstance(event, Finished):
            return event.answer
    raise AssertionError("a stream ends with Finished or an error")


def with_warnings(answer: Answer) -> Answer:
    """The answer, its notes told as warnings: to a caller who took no events, and saw none."""
    for note in answer.notes:
        warnings.warn(note, UserWarning, stacklevel=3)
    return answer
