"""`POST /v1/responses`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi import Response as HttpResponse
from fastapi.responses import JSONResponse

from nextgpt_serve.asking import Asking
from nextgpt_serve.responses.answers import Response
from nextgpt_serve.responses.items import Items
from nextgpt_serve.responses.models import ResponseRequest
from nextgpt_serve.service import base_of, service_of
from nextgpt_serve.streaming import EventStream, begun
from nextgpt_serve.waiting import merged, while_connected

router = APIRouter()
_ECHOED = ("instructions", "max_output_tokens", "temperature", "top_p")


@router.post("/v1/responses", response_model=None)
async def responses(body: ResponseRequest, request: Request) -> HttpResponse:
    """Answer a conversation of text and media, with an item for each text and medium."""
    service, caller, base = service_of(request), request.state.caller, base_of(request)
    service.check_model(body.model)
    asking = Asking.of(request)
    messages = [await asking.message(one) for one in body.conversation()]
    for tool in body.tools:
        service.channels.making(tool.modality)
    if (modality := body.required()) is not None:
        channel = service.channels.making(modality)[0].name
        body.nextgpt.require = {channel: 1, **body.nextgpt.require}
    asked = service.asked(body, messages, owner=caller.name, max_tokens=body.max_output_tokens)
    writings = service.writings(asked)
    echoed: dict[str, Any] = {name: getattr(body, name) for name in _ECHOED}
    echoed["tools"] = [tool.model_dump() for tool in body.tools]
    echoed["tool_choice"] = "auto"
    items = Items(base, data=body.nextgpt.media != "url", several=body.n > 1)
    response = Response(
        service.name, echoed, items, [writing for writing, _ in writings], asked.seeds
    )
    changes = merged([changes for _, changes in writings])
    if body.stream:
        events = response.events(await begun(request, changes))
        return EventStream(
            events, seconds=service.settings.deadline_s, failed=response.failed, named=True
        )

    async def whole() -> dict[str, Any]:
        async for choice, change in changes:
            response.take(choice, change)
        return response.whole()

    return JSONResponse(await while_connected(request, whole()))
