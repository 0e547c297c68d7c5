"""`POST /v1/generations/{channel}`, and OpenAI's pictures and speech, which are such."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from nextgpt_serve.channels import Channel
from nextgpt_serve.errors import not_found
from nextgpt_serve.fields import MOST_ANSWERS, Closed
from nextgpt_serve.generations.forms import SCHEMA, read_form
from nextgpt_serve.generations.making import Generation, fitting, make, shown
from nextgpt_serve.service import service_of

router = APIRouter()


class ImageRequest(Closed):
    """Pictures wanted."""

    prompt: Annotated[str, Field(min_length=1)]
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] = 1
    response_format: Literal["url", "b64_json"] = "b64_json"
    output_format: Annotated[str, Field(max_length=20)] | None = None
    stream: Literal[False] = False
    seed: int | None = None


class SpeechRequest(Closed):
    """A text to be spoken."""

    input: Annotated[str, Field(min_length=1)]
    model: str | None = None
    voice: str | None = None
    speed: float | None = None
    response_format: Annotated[str, Field(max_length=20)] | None = None
    stream_format: Literal["audio"] = "audio"
    seed: int | None = None


@router.post("/v1/generations/{channel}")
async def generations(channel: str, body: Generation, request: Request) -> dict[str, Any]:
    """Media of any channel that the system makes."""
    service = service_of(request)
    found = {one.name: one for one in service.channels.made}
    if channel not in found:
        known = ", ".join(found) or "none"
        raise not_found(f"the channels that make media are: {known}", "channel_not_found")
    media, usage = await make(request, found[channel], body)
    return {
        "created": int(time.time()),
        "data": [
            {
                **shown(request, part, data=body.media == "data"),
                "id": part.entry.id,
                "mime_type": part.entry.mime,
                "seconds": round(part.seconds or 0.0, 4),
            }
            for part in media
        ],
        "usage": usage.response,
    }


@router.post("/v1/images/generations")
async def images(body: ImageRequest, request: Request) -> dict[str, Any]:
    """Pictures of what a prompt says."""
    return await _images(fitting(service_of(request), "image"), body, request)


@router.post("/v1/images/edits", openapi_extra=SCHEMA)
async def image_edits(request: Request) -> dict[str, Any]:
    """Pictures made of others, and of what a prompt says."""
    channel = fitting(service_of(request), "image")
    async with read_form(request, "image", into=channel) as (fields, parts):
        body = ImageRequest.model_validate(fields)
        return await _images(channel, body, request, parts)


@router.post("/v1/audio/speech", response_class=Response)
async def speech(body: SpeechRequest, request: Request) -> Response:
    """A text, spoken, where a channel of the system speaks."""
    channel = fitting(service_of(request), "speech")
    known = channel.options.get("properties", {})
    options = {"voice": body.voice, "speed": body.speed}
    wanted = Generation(
        prompt=body.input,
        model=body.model,
        seed=body.seed,
        format=body.response_format,
        options={name: value for name, value in options.items() if value and name in known},
    )
    (part,), _ = await make(request, channel, wanted)
    return Response(part.entry.data, media_type=part.entry.mime)


async def _images(
    channel: Channel, body: ImageRequest, request: Request, parts: tuple[Any, ...] = ()
) -> dict[str, Any]:
    wanted = Generation(
        prompt=body.prompt,
        model=body.model,
        input=parts,
        n=body.n,
        seed=body.seed,
        format=body.output_format,
    )
    media, usage = await make(request, channel, wanted)
    data = body.response_format == "b64_json"
    return {
        "created": int(time.time()),
        "data": [shown(request, part, data=data) for part in media],
        "output_format": media[0].entry.suffix.removeprefix("."),
        "usage": usage.response,
    }
