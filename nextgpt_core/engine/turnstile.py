"""A lock that is handed on in the order it was asked for. Knows nothing about what it guards."""

from __future__ import annotations

import threading
from collections import deque


class Turnstile:
    """Use as `with turnstile:`.

    A plain lock may go back, again and again, to the thread that has just released it; here two
    requests that write token by token advance alternately.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False

    def __enter__(self) -> None:
        with self._mutex:
            if not self._held:
                self._held = True
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        gate.acquire()

    def __exit__(self, *error: object) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()  # it stays held, by the next in line
            else:
                self._held = False
