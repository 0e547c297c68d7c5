"""How many answers are under way and how many wait: never more than was said. Knows no answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nextgpt_serve.errors import ApiError, too_busy

_SLOWLY = 0.9  # how much of its old value the mean keeps


class Queue:
    """First come, first served."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._at_once, self._most = at_once, waiting
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.under_way = 0
        self.seconds = 1.0  # a moving mean of how long an answer takes

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def retry_after(self) -> float:
        """Seconds until there may be room again."""
        return self.seconds * (1 + self.waiting / self._at_once)

    @asynccontextmanager
    async def place(self, until: float) -> AsyncIterator[None]:
        """Hold a place until the loop's time `until` at most, which is waited for.

        Raises:
            ApiError: too many wait already, or it did not come up in time.
        """
        await self._enter(until)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            self.seconds += (1 - _SLOWLY) * (loop.time() - began - self.seconds)
            self._leave()

    async def _enter(self, until: float) -> None:
        if self.under_way < self._at_once:
            self.under_way += 1
            return
        if self.waiting >= self._most:
            raise too_busy("all places are taken, and as many requests wait", self.retry_after)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(until):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._leave()  # its turn came as it left
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise too_busy("no place came free in time", self.retry_after) from None
            raise

    def _leave(self) -> None:
        """Hand the place to whoever waits longest, or give it back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.under_way -= 1


def late(seconds: float) -> ApiError:
    """The deadline of a request is over."""
    return ApiError(504, f"was not answered within {seconds:g} s", code="deadline_exceeded")
