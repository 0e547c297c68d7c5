"""Who is let in, and with how much: asked before anything of a request's body is read.

An unknown key, another host's name (of a page that had its own point here), a body too long or too
slow, and more than the server can hold: all are turned away here. Knows no endpoint.
"""

from __future__ import annotations

import asyncio
import logging
import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nextgpt_serve.errors import ApiError, too_busy
from nextgpt_serve.failures import answered
from nextgpt_serve.keys import Key, Keyring
from nextgpt_serve.memory import resident_bytes
from nextgpt_serve.quota import Quotas
from nextgpt_serve.service import Caller, Service

log = logging.getLogger("nextgpt.serve")
_OPEN = re.compile(r"/|/health|/ready|/static/.*")  # what tells nothing of anybody
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
_RETRY_S = 5.0


class Door:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service, self._settings = app, service, service.settings
        self._keyring = Keyring(self._settings.keys) if self._settings.keys else None
        self._quotas = Quotas()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["caller"] = Caller()
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            if not _OPEN.fullmatch(scope["path"]):
                key = self._check_key(headers)
                state["caller"] = Caller(key.name) if key else Caller()
                self._check_room()
                body = await self._body(headers, receive)
                if key:
                    self._quotas.received(key, len(body))
                receive = _replayed(body, receive)
        except ApiError as error:
            await answered(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        """Of a server of this machine alone, that asks for no key: hold that it was meant."""
        if self._keyring or not self._settings.is_local:
            return
        host = headers.get("host", "").lower()
        name = host[: host.index("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if name not in {*_LOCAL, self._settings.host, *self._settings.names}:
            raise ApiError(421, "this server answers to no such host name", code="wrong_host")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host:
            raise ApiError(403, "pages of others may not ask this server", code="wrong_origin")

    def _check_key(self, headers: Headers) -> Key | None:
        if self._keyring is None:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = self._keyring.find(token.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            what = "the key is wrong" if token else "a key is wanted: Authorization: Bearer KEY"
            challenge = {"WWW-Authenticate": "Bearer"}
            raise ApiError(401, what, code="invalid_api_key", headers=challenge)
        self._quotas.request(key)
        return key

    def _check_room(self) -> None:
        if self._service.is_draining:
            raise too_busy("the server is about to stop", _RETRY_S)
        most = self._settings.memory_bytes
        if most is not None and resident_bytes() > most:
            raise too_busy("the server holds as much as it may", _RETRY_S)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """All of it, in time and within bounds."""
        most = self._settings.body_bytes
        told = headers.get("content-length", "0")
        if not told.isdecimal() or int(told[:20]) > most:
            raise _too_large(most)
        found = bytearray()
        try:
            async with asyncio.timeout(self._settings.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "the request broke off")
                    found += message.get("body", b"")
                    if len(found) > most:
                        raise _too_large(most)
                    if not message.get("more_body"):
                        return bytes(found)
        except TimeoutError:
            raise ApiError(408, f"did not arrive within {self._settings.body_s:g} s") from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once, and then what the client does."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def take() -> Message:
        return rest.pop() if rest else await receive()

    return take


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"is larger than {most:,} bytes", code="request_too_large")
