"""What all endpoints share: the system, its queue, the media that it made. Knows no endpoint."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import HTTPConnection

from nextgpt_core import Event, Pipeline
from nextgpt_serve.channels import Channels
from nextgpt_serve.errors import not_found
from nextgpt_serve.fetching import Fetcher
from nextgpt_serve.fields import Extras, Sampled
from nextgpt_serve.media.store import MediaStore
from nextgpt_serve.metrics import Metrics
from nextgpt_serve.parts import Change, Writing
from nextgpt_serve.queue import Queue, late
from nextgpt_serve.settings import Settings

log = logging.getLogger("nextgpt.serve")


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of a key, or nobody's."""

    name: str = ""


@dataclass(frozen=True)
class Asked:
    """What the core is asked, once for each seed."""

    messages: Sequence[Any]
    options: Mapping[str, Any]
    seeds: Sequence[int]
    formats: Mapping[str, str]
    owner: str


class Service:
    """A system that is served."""

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self.pipeline, self.settings = pipeline, settings
        self.name = pipeline.config.name
        self.channels = Channels(pipeline.system.plan)
        self.queue = Queue(at_once=settings.at_once, waiting=settings.waiting)
        self.media = MediaStore(most_bytes=settings.media_bytes, seconds=settings.media_s)
        self.metrics = Metrics(self.queue, self.media)
        self.fetcher = Fetcher(settings.fetch) if settings.fetch else None
        self.state: dict[str, Any] = {}  # what an endpoint keeps
        self.is_ready = self.is_draining = False

    def check_model(self, name: str) -> None:
        """Hold that the system served is meant.

        Raises:
            ApiError: it is another.
        """
        if name != self.name:
            raise not_found(f"this server serves {self.name!r} alone", "model_not_found")

    def asked(
        self, request: Sampled, messages: Sequence[Any], *, owner: str, max_tokens: int | None
    ) -> Asked:
        """A request's fields as the core's options.

        Raises:
            RequestError: it names what there is not.
        """
        extras: Extras = request.nextgpt
        options = {
            "temperature": request.temperature,
            "top_p": request.top_p,
            "stop": request.stop,
            "max_tokens": max_tokens,
            "max_media": extras.max_media,
            "top_k": extras.top_k,
            "channels": self.channels.allowed(request.modalities),
            "require": extras.require or None,
            "decoder_options": extras.decoder_options or None,
            "deterministic": extras.deterministic or None,
        }
        seed = secrets.randbelow(2**31) if request.seed is None else request.seed
        return Asked(
            messages,
            {name: value for name, value in options.items() if value is not None},
            tuple(seed + place for place in range(request.n)),
            self.formats(extras.format),
            owner,
        )

    def formats(self, named: Mapping[str, str]) -> dict[str, str]:
        """The suffix of each channel for which a format was named.

        Raises:
            RequestError: it is not written so.
        """
        return {
            channel.name: channel.suffix(format)
            for name, format in named.items()
            for channel in self.channels.making(name)
        }

    def writings(self, asked: Asked) -> list[tuple[Writing, AsyncGenerator[Change, None]]]:
        """The answers, one for each seed, and what changes in each; nothing begins yet."""
        until = asyncio.get_running_loop().time() + self.settings.deadline_s
        found = []
        for seed in asked.seeds:
            writing = Writing(self.channels, self.media, asked.owner, asked.formats)
            one = replace(asked, options={**asked.options, "seed": seed})
            found.append((writing, self._changes(writing, one, until)))
        return found

    async def _changes(
        self, writing: Writing, asked: Asked, until: float
    ) -> AsyncGenerator[Change, None]:
        async with self.queue.place(until):
            stream = self.pipeline.astream(list(asked.messages), **asked.options)
            async with (
                aclosing(self._in_time(stream, until)) as events,
                aclosing(writing.changes(events)) as changes,
            ):
                async for change in changes:
                    yield change
        self.metrics.answer(writing)

    async def _in_time(
        self, events: AsyncGenerator[Event, None], until: float
    ) -> AsyncGenerator[Event, None]:
        """The events, as long as they come before the loop's time `until`."""
        async with aclosing(events):
            while True:
                try:
                    async with asyncio.timeout_at(until):
                        event = await anext(events, None)
                except TimeoutError:
                    raise late(self.settings.deadline_s) from None
                if event is None:
                    return
                yield event


def service_of(connection: HTTPConnection) -> Service:
    """The service that an endpoint belongs to."""
    found: Service = connection.app.state.service
    return found


def base_of(connection: HTTPConnection) -> str:
    """What addresses of this server begin with, for whoever asked."""
    public = service_of(connection).settings.public_url
    return (public or str(connection.base_url)).rstrip("/")
