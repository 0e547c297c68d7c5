"""What every answer has: an id, headers that browsers heed, a line in the log. Knows no contents.

The outermost of all: what fails further in is a plain 500 here, and nothing of it leaves the
server.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextgpt_serve.failures import answered
from nextgpt_serve.service import Service

_access = logging.getLogger("nextgpt.serve.access")
_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Reception:
    """Stands before everything."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See a request in and out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = Headers(scope=scope).get("x-request-id", "")
        id = own if _ID.fullmatch(own) else f"req-{secrets.token_hex(12)}"
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            response = answered(error)  # which logs it
            if not status:
                await response(scope, receive, sent)
        finally:
            self._service.metrics.request(_route(scope), status)
            _log(scope, id, status, time.perf_counter() - began)


def _route(scope: Scope) -> str:
    """What the application calls an address; nothing of the address itself."""
    return getattr(scope.get("route"), "path", "")


def _log(scope: Scope, id: str, status: int, seconds: float) -> None:
    """One line of JSON; of the address only what the application calls it."""
    caller = scope.get("state", {}).get("caller")
    told: dict[str, Any] = {
        "time": round(time.time(), 3),
        "request": id,
        "method": scope["method"],
        "route": _route(scope),
        "status": status,
        "seconds": round(seconds, 4),
        "key": getattr(caller, "name", "") or None,
    }
    _access.info(json.dumps(told))
