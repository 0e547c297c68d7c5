"""The media of answers, for as long as their askers may come back for them. Knows no file.

A medium has its id, and so its address, from the moment that its decoder is called. Ids cannot be
guessed, expire, and are of use to the key alone that asked.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from nextgpt_core import Media, MediaPart
from nextgpt_registry.errors import NextGPTError

PATH = "/v1/media/"
_MOST = 100_000  # entries: one that failed holds no byte, and counts all the same


@dataclass(eq=False)
class Entry:
    """A medium that was asked for: on its way, there, or failed."""

    owner: str
    channel: str
    mime: str
    suffix: str
    expires: float
    id: str = field(default_factory=lambda: f"media-{secrets.token_urlsafe(24)}")
    data: bytes = b""
    media: Media | None = None
    error: NextGPTError | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        """Where its file is on this server, or will be."""
        return f"{PATH}{self.id}"

    @property
    def part(self) -> MediaPart:
        """The medium as a part of a conversation; a gap where it failed."""
        return MediaPart(self.channel, self.media)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return len(self.data) + getattr(getattr(self.media, "data", None), "nbytes", 0)


class MediaStore:
    """Bounded in bytes and in time: what was asked for least lately goes first."""

    def __init__(
        self, *, most_bytes: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._clock = most_bytes, seconds, clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.bytes = 0

    def begin(self, owner: str, channel: str, *, mime: str, suffix: str) -> Entry:
        """A place for a medium that is on its way."""
        entry = Entry(owner, channel, mime, suffix, self._clock() + self._seconds)
        self._entries[entry.id] = entry
        self._shrink()
        return entry

    def done(self, entry: Entry, media: Media, data: bytes) -> None:
        """It is there: `data` is its file."""
        entry.media, entry.data = media, data
        entry.settled.set()
        if entry.id in self._entries:
            self.bytes += entry.bytes
            self._shrink()

    def failed(self, entry: Entry, error: NextGPTError) -> None:
        """It will not come."""
        if not entry.settled.is_set():
            entry.error = error
            entry.settled.set()

    def find(self, id: str, owner: str) -> Entry | None:
        """What this owner asked for; None where it is another's, expired or made way."""
        entry = self._entries.get(id)
        if entry is None or entry.owner != owner:
            return None
        if entry.expires <= self._clock():
            self._drop(entry)
            return None
        self._entries.move_to_end(id)
        return entry

    def _shrink(self) -> None:
        now = self._clock()
        while self._entries:
            oldest = next(iter(self._entries.values()))
            within = self.bytes <= self._most and len(self._entries) <= _MOST
            if within and oldest.expires > now:
                return
            self._drop(oldest)

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.id]
        if entry.media is not None:
            self.bytes -= entry.bytes
