"""Cut a stream of text at the first stop string, whatever pieces it comes in."""

from __future__ import annotations

from collections.abc import Iterable


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
