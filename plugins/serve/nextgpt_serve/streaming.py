"""Server-sent events: an answer on its way to a client. Knows no endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from nextgpt_serve.errors import ApiError, api_error
from nextgpt_serve.service import log
from nextgpt_serve.waiting import while_connected

T = TypeVar("T")
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def begun(request: Request, stream: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The stream, once its first item is there.

    A request that cannot be answered so ends with its own status, and not with a 200.

    Raises:
        ApiError: it cannot be answered.
        ClientGone: the client left.
    """
    first = await while_connected(request, _first(stream))

    async def items() -> AsyncGenerator[T, None]:
        async with aclosing(stream):
            for item in first:
                yield item
            async for item in stream:
                yield item

    return items()


async def _first(stream: AsyncGenerator[T, None]) -> list[T]:
    async for item in stream:
        return [item]
    return []


class EventStream(StreamingResponse):
    """Items as server-sent events, `named` by their type.

    It ends with its items, or with its client, which is waited for `seconds` at most. What goes
    wrong on the way is told by `failed` as an item of its own.
    """

    def __init__(
        self,
        items: AsyncGenerator[dict[str, Any], None],
        *,
        seconds: float,
        failed: Callable[[ApiError], dict[str, Any]],
        named: bool = False,
        last: str = "",
    ) -> None:
        self._seconds = seconds
        self._events = _events(items, failed=failed, named=named, last=last)
        super().__init__(self._events, media_type="text/event-stream", headers=_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with aclosing(self._events), asyncio.timeout(self._seconds):
            await super().__call__(scope, receive, send)


async def _events(
    items: AsyncGenerator[dict[str, Any], None],
    *,
    failed: Callable[[ApiError], dict[str, Any]],
    named: bool,
    last: str,
) -> AsyncGenerator[str, None]:
    async with aclosing(items):
        try:
            async for item in items:
                yield _event(item, named=named)
        except Exception as error:
            found = api_error(error)
            if found.status >= 500:
                log.error("an answer broke off", exc_info=error)
            yield _event(failed(found), named=named)
            return
    if last:
        yield f"data: {last}\n\n"


def _event(item: dict[str, Any], *, named: bool) -> str:
    name = f"event: {item['type']}\n" if named else ""
    return f"{name}data: {json.dumps(item, ensure_ascii=False, separators=(',', ':'))}\n\n"
