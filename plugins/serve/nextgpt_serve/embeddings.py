"""`POST /v1/embeddings`: texts and media as vectors."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from nextgpt_core import Embedding
from nextgpt_serve.asking import Asking
from nextgpt_serve.fields import Closed, ContentPart
from nextgpt_serve.queue import late
from nextgpt_serve.service import Service, service_of
from nextgpt_serve.waiting import while_connected

router = APIRouter()
_MOST = 256

Given = str | ContentPart


class EmbeddingRequest(Closed):
    """Texts, and media as parts of messages."""

    model: Annotated[str, Field(max_length=500)]
    input: (
        Annotated[str, Field(min_length=1)]
        | Annotated[list[Given], Field(min_length=1, max_length=_MOST)]
    )
    encoding_format: Literal["float", "base64"] = "float"


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingRequest, request: Request) -> dict[str, Any]:
    """A vector for each: of a text from the language model, of a medium from its encoder."""
    service = service_of(request)
    service.check_model(body.model)
    given = [body.input] if isinstance(body.input, str) else body.input
    parts = [{"type": "text", "text": one} if isinstance(one, str) else one for one in given]
    asking = Asking.of(request)
    message = await asking.message({"role": "user", "content": parts})
    found = await while_connected(request, _embedded(service, message["content"]))
    tokens = sum(one.tokens for one in found)
    return {
        "object": "list",
        "model": service.name,
        "data": [
            {"object": "embedding", "index": n, "embedding": _shown(one, body.encoding_format)}
            for n, one in enumerate(found)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


async def _embedded(service: Service, parts: list[Any]) -> list[Embedding]:
    until = asyncio.get_running_loop().time() + service.settings.deadline_s
    async with service.queue.place(until):
        try:
            async with asyncio.timeout_at(until):
                return [await asyncio.to_thread(service.pipeline.embed, one) for one in parts]
        except TimeoutError:
            raise late(service.settings.deadline_s) from None


def _shown(one: Embedding, encoding: str) -> Any:
    if encoding == "float":
        return one.vector
    return base64.b64encode(struct.pack(f"<{len(one.vector)}f", *one.vector)).decode()
