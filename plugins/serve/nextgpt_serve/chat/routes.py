"""`POST /v1/chat/completions`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from nextgpt_serve.asking import Asking
from nextgpt_serve.chat.answers import Completion
from nextgpt_serve.chat.models import ChatRequest
from nextgpt_serve.chat.shown import Shown
from nextgpt_serve.service import base_of, service_of
from nextgpt_serve.streaming import EventStream, begun
from nextgpt_serve.waiting import drained, merged, while_connected

router = APIRouter()


@router.post("/v1/chat/completions", response_model=None)
async def chat_completions(body: ChatRequest, request: Request) -> Response:
    """Answer a conversation of text and media."""
    service, caller, base = service_of(request), request.state.caller, base_of(request)
    service.check_model(body.model)
    asking = Asking.of(request)
    messages = [await asking.message(one) for one in body.given()]
    asked = service.asked(body, messages, owner=caller.name, max_tokens=body.most_tokens)
    writings = service.writings(asked)
    completion = Completion(
        service.name,
        Shown(base, data=body.nextgpt.media == "data"),
        [writing for writing, _ in writings],
        asked.seeds,
    )
    changes = merged([changes for _, changes in writings])
    if not body.stream:
        await while_connected(request, drained(changes))
        return JSONResponse(completion.whole())
    chunks = completion.chunks(
        await begun(request, changes), usage=body.stream_options.include_usage
    )
    return EventStream(chunks, seconds=service.settings.deadline_s, failed=_failed, last="[DONE]")


def _failed(error: Any) -> dict[str, Any]:
    body: dict[str, Any] = error.body
    return body
