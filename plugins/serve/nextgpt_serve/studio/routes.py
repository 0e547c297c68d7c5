"""`GET /`: the page, and what it asks for beside the API. Knows no modality.

How media look is their plugins' to say: the page gets HTML of `nextgpt_show_media`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from nextgpt_core import Media
from nextgpt_registry.media import Blob
from nextgpt_serve.channels import Channel
from nextgpt_serve.errors import ApiError
from nextgpt_serve.media.routes import settled
from nextgpt_serve.service import service_of
from nextgpt_serve.waiting import while_connected

_HERE = Path(__file__).parent
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
router = APIRouter(include_in_schema=False)


def mount(app: FastAPI, examples: Sequence[str]) -> None:
    """Put the page at `/`; `examples` are what somebody new may say."""
    app.state.examples = tuple(examples)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")


@router.get("/")
async def page() -> Response:
    """The page."""
    return FileResponse(_HERE / "page.html", headers={"Content-Security-Policy": _POLICY})


@router.get("/studio/about")
async def about(request: Request) -> dict[str, Any]:
    """What the page shows before anything is said, and its form of options."""
    service = service_of(request)
    return {
        "model": service.name,
        "examples": request.app.state.examples,
        "channels": {name: _about(channel) for name, channel in service.channels.items()},
    }


@router.post("/studio/look")
async def look(request: Request) -> dict[str, str]:
    """Read a file as it would be read in a request, and show it: {"channel", "html"}."""
    service = service_of(request)
    name = unquote(request.headers.get("x-file-name", ""))[:200]
    mime = request.headers.get("content-type", "application/octet-stream").partition(";")[0]
    file = Blob(await request.body(), name=name, mime=mime)

    def read() -> dict[str, str]:
        part = service.pipeline.read({"type": "file", "file": file})
        if part.media is None:
            raise ApiError(400, "holds no medium")
        return {"channel": part.channel, "html": _html(part.media)}

    return await asyncio.to_thread(read)


@router.get("/studio/show/{id}")
async def show(id: str, request: Request) -> dict[str, str]:
    """How a medium of an answer looks: {"html"}."""
    owner = request.state.caller.name
    entry = await while_connected(request, settled(service_of(request), id, owner))
    assert entry.media is not None
    return {"html": await asyncio.to_thread(_html, entry.media)}


def _about(channel: Channel) -> dict[str, Any]:
    accepted = [*channel.modality.mime, *channel.modality.suffixes]
    return {
        "takes": channel.reads,
        "makes": channel.makes,
        "accept": accepted,
        "options": channel.options,
    }


def _html(media: Media) -> str:
    return media._repr_html_() or f"<p>{escape(media.modality)}, which no plugin shows</p>"
