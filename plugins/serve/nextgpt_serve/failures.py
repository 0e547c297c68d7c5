"""Whatever an endpoint raises, as an error of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from nextgpt_registry.errors import NextGPTError
from nextgpt_serve.errors import ApiError, api_error
from nextgpt_serve.service import log
from nextgpt_serve.waiting import ClientGone

_GONE = 499  # what proxies write down of a client that left; nobody reads it
_SHOWN = 5


def handle_failures(app: FastAPI) -> None:
    """Let the application answer errors as OpenAI's clients expect."""
    app.add_exception_handler(ApiError, _ours)
    app.add_exception_handler(NextGPTError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientGone, _gone)


def answered(error: BaseException) -> JSONResponse:
    """An error as a response; what is the server's own fault is logged."""
    found = api_error(error)
    if found.status >= 500 and not isinstance(error, ApiError):
        log.error("a request failed", exc_info=error)
    return JSONResponse(found.body, found.status, headers=found.headers)


async def _ours(request: Request, error: Exception) -> Response:
    return answered(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    faults = error.errors()
    told = [_told(fault) for fault in faults[:_SHOWN]]
    if more := len(faults) - len(told):
        told.append(f"and {more} more")
    param = _place(faults[0]) if faults else None
    return answered(ApiError(400, "; ".join(told), code="invalid_value", param=param))


def _told(fault: Mapping[str, Any]) -> str:
    """What is wrong where, and not what was given: that may be long, or a secret."""
    return f"{_place(fault) or 'body'}: {fault['msg']}"


def _place(fault: Mapping[str, Any]) -> str:
    return ".".join(str(step)[:100] for step in fault["loc"] if step != "body")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = error.headers
    match error.status_code:
        case 404:
            found = ApiError(404, f"there is no {request.method} {request.url.path[:200]}")
        case 405:
            found = ApiError(405, f"{request.method} is not understood here", headers=headers)
        case _:
            found = ApiError(error.status_code, str(error.detail), headers=headers)
    return answered(found)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=_GONE)
