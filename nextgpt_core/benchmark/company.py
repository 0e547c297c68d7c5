"""Several clients, or several media, at once: against the order of work of the original.

Knows no modality.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

from nextgpt_core.answer import Cancel, MediaDone
from nextgpt_core.benchmark.original import Original
from nextgpt_core.benchmark.rows import Comparison, Figure, LeftOut, Rounds, alternating
from nextgpt_core.benchmark.subject import Subject, at_once, seconds
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.errors import Cancelled, RequestError
from nextgpt_registry.messages import Part

_ORIGINAL = "the original's order"
_UNDER_WAY_S = 0.05  # after which a long prompt is being read


def compared(subject: Subject) -> Iterator[Comparison | LeftOut]:
    """`mixed.*`, `interleaved.*` and `waiting.*`."""
    if subject.readable or subject.writable:
        what = f"all directions, {subject.scale.clients} clients of two turns"
        mixed = Figure("mixed.clients", what, "requests/s", "all at once", _ORIGINAL)
        yield Comparison((mixed,), partial(_mixed, subject))
    else:
        yield LeftOut("mixed", "the system has no channels that could be asked")
    if subject.standard.interleaved is None:
        yield LeftOut("interleaved", "the config's `benchmark` names no `interleaved` request")
    else:
        ends = (("first", "the first of the media between text"), ("last", "the last of them"))
        yield Comparison(
            tuple(
                Figure(f"interleaved.{name}", what, "s", "beside the text", "after the text")
                for name, what in ends
            ),
            partial(_interleaved, subject, subject.standard.interleaved),
        )
    what = f"first token while {subject.long_prompt:,} others are read"
    beside = Figure("waiting.prompt", what, "s", "beside a long prompt", "alone")
    yield Comparison((beside,), partial(_beside, subject))


@dataclass(frozen=True)
class _Client:
    """Says something twice."""

    parts: tuple[Part, ...]
    required: Mapping[str, int]
    seed: int
    tokens: int

    def talk(self, pipeline: Pipeline) -> None:
        """Two turns of one conversation."""
        conversation = pipeline.conversation()
        options: Any = {"max_tokens": self.tokens, "seed": self.seed, "temperature": 0.0}
        for parts in (self.parts, ("And what else?",)):
            conversation.say([*parts], require=self.required, **options)


def _mixed(subject: Subject) -> Rounds:
    clients, original = _clients(subject), Original(subject.pipeline)

    def ours() -> tuple[float]:
        subject.forget()
        talks = [partial(client.talk, subject.pipeline) for client in clients]
        return (2 * len(clients) / seconds(lambda: at_once(talks)),)

    def other() -> tuple[float]:
        took = sum(seconds(partial(client.talk, original)) for client in clients)
        return (2 * len(clients) / took,)

    with original:
        yield from alternating(ours, other)


def _clients(subject: Subject) -> list[_Client]:
    """In words alone, from words, about a medium, from one medium to another; channels by turns."""
    readable, writable = cycle(subject.readable or [""]), cycle(subject.writable or [""])
    found = []
    for n, text in enumerate(subject.prompts(subject.scale.clients)):
        shown = next(readable) if n % 4 in (2, 3) else ""
        wanted = next(writable) if n % 4 in (1, 3) else ""
        parts = (subject.sample(shown, n), text) if shown else (text,)
        required = {wanted: 1} if wanted else {}
        found.append(_Client(parts, required, n, subject.scale.tokens // 2))
    return found


def _interleaved(subject: Subject, asked: Mapping[str, Any]) -> Rounds:
    original = Original(subject.pipeline)

    def done(pipeline: Pipeline) -> tuple[float, float]:
        began, found = time.perf_counter(), []
        for event in pipeline.stream(**asked):
            if isinstance(event, MediaDone):
                found.append(time.perf_counter() - began)
        if len(found) < 3:
            what = f"brings {len(found)} media and not three"
            raise RequestError("the `interleaved` request", what, "ask for them in other words")
        return found[0], found[-1]

    def ours() -> tuple[float, float]:
        subject.forget()
        return done(subject.pipeline)

    with original:
        yield from alternating(ours, lambda: done(original))


def _beside(subject: Subject) -> Rounds:
    short, long = subject.prompts(1)[0], subject.text(subject.long_prompt)
    first = partial(subject.ask, short, max_tokens=1)

    def ours() -> tuple[float]:
        subject.forget()
        cancel = Cancel()
        reading = threading.Thread(target=_read, args=(subject, long, cancel), name="long prompt")
        reading.start()
        try:
            time.sleep(_UNDER_WAY_S)
            return (seconds(first),)
        finally:
            cancel.set()
            reading.join()

    def other() -> tuple[float]:
        subject.forget()
        return (seconds(first),)

    return alternating(ours, other)


def _read(subject: Subject, long: str, cancel: Cancel) -> None:
    with suppress(Cancelled):
        subject.ask(long, max_tokens=1, cancel=cancel)
