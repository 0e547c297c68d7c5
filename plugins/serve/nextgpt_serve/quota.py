"""What a key may ask in a minute. Knows no request."""

from __future__ import annotations

import time
from collections.abc import Callable

from nextgpt_serve.errors import too_busy
from nextgpt_serve.keys import Key

_MINUTE_S = 60.0
_MEGABYTE = 1 << 20


class _Bucket:
    """Fills up with time, to what is allowed in a minute."""

    def __init__(self, a_minute: float, clock: Callable[[], float]) -> None:
        self._size, self._clock = a_minute, clock
        self._left, self._at = a_minute, clock()

    def wait(self, count: float) -> float:
        """Seconds until `count` may be taken."""
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._at) * self._size / _MINUTE_S)
        self._at = now
        missing = min(count, self._size) - self._left
        return max(0.0, missing * _MINUTE_S / self._size)

    def take(self, count: float) -> None:
        """Have taken so many; it may go below nothing, which is waited for the longer."""
        self._left -= count


class Quotas:
    """The buckets of all keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str, int], _Bucket] = {}

    def request(self, key: Key) -> None:
        """Count a request.

        Raises:
            ApiError: too many came in the last minute, or too much in them.
        """
        for kind, most in (("requests", key.requests), ("megabytes", key.megabytes)):
            if most is None:
                continue
            bucket = self._bucket(key, kind, most)
            least = 1.0 if kind == "requests" else 0.0
            if (wait := bucket.wait(least)) > 0:
                raise too_busy(f"this key may send {most} {kind} a minute", wait, 429)
        if key.requests:
            self._bucket(key, "requests", key.requests).take(1)

    def received(self, key: Key, size: int) -> None:
        """Count what came in a request."""
        if key.megabytes:
            self._bucket(key, "megabytes", key.megabytes).take(size / _MEGABYTE)

    def _bucket(self, key: Key, kind: str, most: int) -> _Bucket:
        return self._buckets.setdefault((key.sha256, kind, most), _Bucket(most, self._clock))
