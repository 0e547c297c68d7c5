"""`GET /health` and `GET /ready`: for whoever watches the server."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from nextgpt_serve.service import service_of

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready", response_model=None)
async def ready(request: Request) -> JSONResponse:
    """The system has answered once, through each of its components, and takes requests."""
    service = service_of(request)
    if service.is_draining:
        return JSONResponse({"status": "draining"}, 503)
    if not service.is_ready:
        return JSONResponse({"status": "warming up"}, 503, headers={"Retry-After": "1"})
    return JSONResponse({"status": "ready"})
