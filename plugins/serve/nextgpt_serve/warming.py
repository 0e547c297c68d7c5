"""A first answer through every component, so that no user's waits for what is built at first use.

Knows no modality: what is shown are the samples that plugins declare.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.targets import resolve
from nextgpt_serve.channels import Channel
from nextgpt_serve.service import Service, log


@asynccontextmanager
async def warmed(service: Service) -> AsyncIterator[None]:
    """Warm the service up while it runs; requests are answered meanwhile."""
    task = asyncio.ensure_future(_warm(service))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _warm(service: Service) -> None:
    for parts, options in _requests(service):
        try:
            async for _ in service.pipeline.astream(parts, max_tokens=1, **options):
                pass
        except NextGPTError as error:  # a channel without weights, say: others work
            log.warning("warming up: %s: %s", error.who, error.what)
    service.is_ready = True


def _requests(service: Service) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    yield ["Hello"], {"channels": []}
    for channel in service.channels.read:
        yield ["Hello", *_samples(service, channel.modality.name)], {"channels": []}
    for channel in service.channels.made:
        yield [*_taken(service, channel), "Hello"], {"require": {channel.name: 1}}


def _samples(service: Service, modality: str) -> list[Any]:
    """A small medium for the first channel that reads such, if its plugin has one."""
    for channel in service.channels.read:
        if channel.modality.name == modality and channel.modality.sample:
            return [(channel.name, resolve(channel.modality.sample)(0))]
    return []


def _taken(service: Service, channel: Channel) -> list[Any]:
    """What its decoder cannot do without."""
    if channel.decoder is None or not channel.decoder.needs:
        return []
    return [one for taken in channel.decoder.takes for one in _samples(service, taken)][:1]
