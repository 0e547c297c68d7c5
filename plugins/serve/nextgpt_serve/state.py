"""`GET /health`, `/ready` and `/metrics`: for whoever watches the server."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

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


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
