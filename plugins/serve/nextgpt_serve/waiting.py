"""Work for a client that may leave meanwhile. Knows no request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to; it is called off when the client leaves.

    Raises:
        ClientGone: it did.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for one in (task, gone):
            one.cancel()
        with suppress(asyncio.CancelledError, Exception):  # it was told, or will be
            await task


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def merged(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """The items of several streams as they come, each with the place of its stream."""
    if len(streams) == 1:
        async for only in streams[0]:
            yield 0, only
        return
    items: asyncio.Queue[tuple[int, T] | BaseException | None] = asyncio.Queue()

    async def pour(place: int, stream: AsyncGenerator[T, None]) -> None:
        try:
            async for item in stream:
                items.put_nowait((place, item))
            items.put_nowait(None)
        except BaseException as error:
            items.put_nowait(error)
            raise

    tasks = [asyncio.ensure_future(pour(n, stream)) for n, stream in enumerate(streams)]
    try:
        left = len(tasks)
        while left:
            item = await items.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def drained(items: AsyncGenerator[T, None]) -> None:
    """Go through all of it."""
    async for _ in items:
        pass
