"""`GET /v1/models`: the system, with what it reads and makes."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request

from nextgpt_serve.channels import Channel
from nextgpt_serve.service import Service, service_of

router = APIRouter()
_BEGAN = int(time.time())


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """The systems that are served: one."""
    return {"object": "list", "data": [_model(service_of(request))]}


@router.get("/v1/models/{model:path}")
async def model(model: str, request: Request) -> dict[str, Any]:
    """The system, by its name."""
    service = service_of(request)
    service.check_model(model)
    return _model(service)


def _model(service: Service) -> dict[str, Any]:
    return {
        "id": service.name,
        "object": "model",
        "created": _BEGAN,
        "owned_by": "nextgpt",
        "channels": [_channel(channel) for channel in service.channels.values()],
    }


def _channel(channel: Channel) -> dict[str, Any]:
    modality = channel.modality
    return {
        "name": channel.name,
        "modality": modality.name,
        "summary": modality.summary,
        "reads": channel.reads,
        "makes": channel.makes,
        "part_types": list(modality.part_types) or [channel.name],
        "mime_types": list(modality.mime),
        "suffixes": list(modality.suffixes),
        "formats": [suffix.removeprefix(".") for suffix in modality.written],
        "options": channel.options,
    }
