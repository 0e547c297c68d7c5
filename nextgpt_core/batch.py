"""Many requests, a bounded number at once. Knows nothing about how one is answered, or written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from nextgpt_core.answer import Answer, Cancel
from nextgpt_core.intake import arguments as given
from nextgpt_registry.errors import NextGPTError

Chat = Callable[..., Answer]
"""`Pipeline.chat`, or what stands for it."""
Outcome = Answer | NextGPTError
Answered = Callable[[int, Outcome], None]
"""Called with the place of a request and what came of it, as soon as it is there."""


def outcomes(
    chat: Chat, requests: Iterable[object], *, at_once: int = 16
) -> Iterator[tuple[int, Outcome]]:
    """What came of each request and its place among them, as they are done.

    No more are taken from `requests` than are under way. Leaving the iterator calls them off.
    """
    return _outcomes(chat, enumerate(requests), at_once)


def answers(
    chat: Chat, requests: object, *, at_once: int, progress: Answered | None
) -> list[Outcome]:
    """What came of each of a list, in order.

    Raises:
        RequestError: it is no list of at most 10,000, or `at_once` no count.
    """
    asked = given.listed(requests, "requests", "give a list of what `chat` takes, or mappings")
    given.batch(at_once, progress)
    found: dict[int, Outcome] = {}
    for place, outcome in outcomes(chat, asked, at_once=at_once):
        found[place] = outcome
        if progress is not None:
            progress(place, outcome)
    return [found[place] for place in range(len(found))]


def _outcomes(
    chat: Chat, waiting: Iterator[tuple[int, object]], at_once: int
) -> Iterator[tuple[int, Outcome]]:
    cancel = Cancel()
    under_way: dict[Future[Outcome], int] = {}
    with ThreadPoolExecutor(at_once, "nextgpt-batch") as pool:
        try:
            while True:
                for place, request in islice(waiting, at_once - len(under_way)):
                    under_way[pool.submit(_outcome, chat, request, cancel)] = place
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(future), future.result()
        finally:
            cancel.set()


def _outcome(chat: Chat, request: object, cancel: Cancel) -> Outcome:
    try:
        arguments: dict[str, Any] = {"parts": request}
        if isinstance(request, Mapping) and "parts" in request:
            arguments = {str(name): value for name, value in request.items()}
        arguments["cancel"] = Cancel(cancel, arguments.get("cancel"))
        return chat(**arguments)
    except NextGPTError as error:
        return error
