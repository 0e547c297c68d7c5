"""What a thread goes through, for asyncio: one for each answer. Knows nothing about answers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from nextgpt_core.answer import Cancel

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """Nothing more comes, or why not."""

    error: BaseException | None = None


async def awaited(begin: Callable[[], Iterator[T]], cancel: Cancel) -> AsyncGenerator[T, None]:
    """The items of `begin()`, which is called and gone through in a thread of its own.

    That thread is not held up by whoever takes slowly: it ends as soon as its work does. Leaving
    the iterator throws `cancel`. What the thread raises is raised here.
    """
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[T | _End] = asyncio.Queue()

    def put(item: T | _End) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody takes it
            loop.call_soon_threadsafe(items.put_nowait, item)

    def work() -> None:
        try:
            for item in begin():
                put(item)
        except BaseException as error:  # whoever waits is told
            put(_End(error))
        else:
            put(_End())

    threading.Thread(target=work, name="nextgpt-answer").start()
    try:
        while True:
            item = await items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        cancel.set()
