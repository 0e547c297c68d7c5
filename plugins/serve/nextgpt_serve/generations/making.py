"""Media that a prompt is answered with, and nothing else of the answer. Knows no endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field

from nextgpt_serve.asking import Asking
from nextgpt_serve.channels import Channel
from nextgpt_serve.errors import ApiError, not_found
from nextgpt_serve.fields import MOST_ANSWERS, Closed, ContentPart, Extras, Sampled
from nextgpt_serve.media.files import packed
from nextgpt_serve.parts import Change, MediumPart, Writing
from nextgpt_serve.service import Service, base_of, service_of
from nextgpt_serve.usage import Usage
from nextgpt_serve.waiting import drained, merged, while_connected


class Generation(Closed):
    """Media wanted of one channel."""

    prompt: Annotated[str, Field(min_length=1)]
    model: Annotated[str, Field(max_length=500)] | None = None
    input: Annotated[tuple[ContentPart, ...], Field(max_length=100)] = ()
    """Media that the system is shown before the prompt."""
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] = 1
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    format: Annotated[str, Field(max_length=20)] | None = None
    media: Literal["url", "data"] = "data"
    options: dict[str, Any] = Field(default_factory=dict)
    """Of the channel's decoder; `GET /v1/models/{model}` has their schema."""


def fitting(service: Service, word: str) -> Channel:
    """The channel that an endpoint of OpenAI's is about: by its name, or by what its files are.

    Raises:
        ApiError: there is none.
    """
    made = service.channels.made
    named = [one for one in made if word in (one.name, one.modality.name)]
    named += [one for one in made if one.mime(one.suffix()).startswith(f"{word}/")]
    if not named:
        paths = ", ".join(f"/v1/generations/{one.name}" for one in made) or "nothing but text"
        raise not_found(f"this system makes no {word}; it makes: {paths}", "channel_not_found")
    return named[0]


async def begin(
    request: Request, channel: Channel, wanted: Generation
) -> list[tuple[Writing, AsyncGenerator[Change, None]]]:
    """The answers that will hold the media; nothing is made yet.

    Raises:
        ApiError: it cannot be.
    """
    service, caller = service_of(request), request.state.caller
    if wanted.model is not None:
        service.check_model(wanted.model)
    content = [*wanted.input, {"type": "text", "text": wanted.prompt}]
    asking = Asking.of(request)
    message = await asking.message({"role": "user", "content": content})
    extras = Extras(
        require={channel.name: 1},
        max_media=1,
        decoder_options={channel.name: wanted.options} if wanted.options else {},
        format={channel.name: wanted.format} if wanted.format else {},
    )
    sampled = Sampled(
        model=service.name,
        modalities=[channel.name],
        n=wanted.n,
        seed=wanted.seed,
        nextgpt=extras,
    )
    return service.writings(service.asked(sampled, [message], owner=caller.name, max_tokens=None))


async def make(
    request: Request, channel: Channel, wanted: Generation
) -> tuple[list[MediumPart], Usage]:
    """The media, and what they took.

    Raises:
        ApiError: one of them cannot be made.
        ClientGone: nobody waits for them.
    """
    writings = await begin(request, channel, wanted)
    await while_connected(request, drained(merged([changes for _, changes in writings])))
    found = [medium_of(writing) for writing, _ in writings]
    return found, Usage.of([writing for writing, _ in writings])


def medium_of(writing: Writing) -> MediumPart:
    """The medium of an answer that is whole.

    Raises:
        ApiError: it could not be made.
    """
    part = next(one for one in writing.parts if isinstance(one, MediumPart))
    if part.status != "completed":
        raise ApiError(500, part.error["message"], code=part.error["code"])
    return part


def shown(request: Request, part: MediumPart, *, data: bool) -> Mapping[str, Any]:
    """A medium as OpenAI shows pictures: in itself, or as its address."""
    told = {"revised_prompt": part.prompt} if part.prompt else {}
    if data:
        return {"b64_json": packed(part.entry.data), **told}
    return {"url": base_of(request) + part.entry.path, **told}
