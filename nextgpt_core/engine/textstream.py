"""Token ids to streamed text, cut at the first stop string. Knows no signals: it is fed text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

_UNFINISHED = "\ufffd"
_PATIENCE = 16  # tokens: longer than any character, so that endless broken bytes are passed on


class Decodes(Protocol):
    """The one thing asked of a tokenizer."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str:
        """The text of some ids."""


class StopFilter:
    """Passes text on as soon as no stop string can begin in it.

    The stop string that is complete first wins (of several, the longest); it and all after it
    are dropped. What comes out in total does not depend on how the text was cut into pieces.
    """

    def __init__(self, stops: Iterable[str] = ()) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """The text that is now certain to be kept."""
        if self.stopped:
            return ""
        text = self._held + piece
        start = self._first(text)
        if start is not None:
            self.stopped, self._held = True, ""
            return text[:start]
        keep = len(text) - self._open(text)
        self._held = text[keep:]
        return text[:keep]

    def flush(self) -> str:
        """The text held back for a stop string that did not come."""
        held, self._held = self._held, ""
        return held

    def _first(self, text: str) -> int | None:
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        return min(ends)[1] if ends else None

    def _open(self, text: str) -> int:
        """How many characters at the end of `text` could be the beginning of a stop string."""
        longest = max((len(stop) for stop in self._stops), default=0) - 1
        for count in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-count:]) for stop in self._stops):
                return count
        return 0


class TextStream:
    """Whole characters only, stop strings cut out, each text once.

    Tokens are decoded with a few before them, because many tokenizers drop the space before the
    first of what they are given.
    """

    def __init__(self, tokenizer: Decodes, stops: Iterable[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stops = StopFilter(stops)
        self._ids: list[int] = []
        self._context = 0  # decoding starts here
        self._read = 0  # the text of the ids before this has been passed on

    @property
    def stopped(self) -> bool:
        """Whether a stop string came."""
        return self._stops.stopped

    def feed(self, token: int) -> str:
        """The text that is certain after one more token; often, but not always, that token's."""
        self._ids.append(token)
        new = self._new()
        waited = len(self._ids) - self._read
        if new.endswith(_UNFINISHED) and waited < _PATIENCE:  # more of its bytes may come
            return ""
        self._advance()
        return self._stops.feed(new)

    def flush(self) -> str:
        """The text still held back; an unfinished character is dropped."""
        new = self._new().rstrip(_UNFINISHED)
        self._advance()
        return self._stops.feed(new) + ("" if self.stopped else self._stops.flush())

    def _new(self) -> str:
        before = self._decode(self._ids[self._context : self._read])
        return self._decode(self._ids[self._context :])[len(before) :]

    def _advance(self) -> None:
        self._context, self._read = self._read, len(self._ids)

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True) if ids else ""
