"""Conversations of the API as the core takes them. Knows no modality, and fetches nothing itself.

What a part holds is left to the core to find, but for what only a server has: media of its own
answers, by id or address, and what lies at an address that may be fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from starlette.requests import Request

from nextgpt_core import MediaPart
from nextgpt_registry.media import Blob
from nextgpt_serve.errors import ApiError, not_found
from nextgpt_serve.media.store import PATH
from nextgpt_serve.service import Caller, Service, base_of, service_of

_LINK = re.compile(r"!?\[([^\]\n]{0,100})\]\((\S{1,500})\)")
_MOST_ADDRESSES = 16  # that one request may have fetched
_TEXTS = ("text", "output_text")
_CALL = "_generation_call"


class Asking:
    """The conversations of one caller, who reaches the server at `base`."""

    def __init__(self, service: Service, caller: Caller, base: str) -> None:
        self._service, self._caller, self._base = service, caller, base
        self._addresses, self._bytes = _MOST_ADDRESSES, service.settings.body_bytes  # left

    @classmethod
    def of(cls, request: Request) -> Self:
        """Whoever sent a request."""
        return cls(service_of(request), request.state.caller, base_of(request))

    async def message(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A message whose media are here.

        Raises:
            ApiError: one of them is not, or may not be fetched.
        """
        own = given.get("role") == "assistant"
        content = given.get("parts") if own and given.get("parts") else given.get("content")
        rest = {key: value for key, value in given.items() if key not in ("content", "parts")}
        if content is None and own:
            content = []
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, Sequence):
            return {**rest, "content": content}  # the core says what is wrong
        parts: list[Any] = []
        for part in content:
            parts += await self._part(part, own=own)
        return {**rest, "content": parts}

    async def _part(self, part: Any, *, own: bool) -> list[Any]:
        if not isinstance(part, Mapping):
            return [part]
        kind = part.get("type")
        if kind in _TEXTS and isinstance(text := part.get("text"), str):
            return self._linked(text) if own else [part]
        if own and isinstance(part.get("id"), str) and part.get("status") == "failed":
            return [MediaPart(part["channel"])] if part.get("channel") in self._channels else []
        if isinstance(kind, str) and kind.endswith(_CALL):
            return [self._call(part, kind.removesuffix(_CALL))]
        for id in self._ids(part, kind):
            if (entry := self._service.media.find(id, self._caller.name)) is None:
                raise not_found("there is no such medium, or no longer", "media_not_found")
            return [entry.part]
        if (address := _address(part, kind)) is not None and self._service.fetcher:
            return [{"type": kind, str(kind): await self._fetched(address)}]
        return [part]

    async def _fetched(self, address: str) -> Blob:
        """What is at an address; all of a request is no more than what could be sent in one."""
        assert self._service.fetcher is not None
        if not self._addresses:
            message = f"more than {_MOST_ADDRESSES} addresses"
            raise ApiError(400, message, code="too_many_addresses")
        self._addresses -= 1
        blob = await self._service.fetcher(address, self._bytes)
        self._bytes -= len(blob.data)
        return blob

    def _call(self, item: Mapping[str, Any], modality: str) -> Any:
        """An output item that comes back: by its id, or by what it holds."""
        entry = self._service.media.find(str(item.get("id")), self._caller.name)
        if entry is not None:
            return entry.part
        if not isinstance(item.get("result"), str):
            raise not_found("there is no such medium, or no longer", "media_not_found")
        return {"type": modality, modality: {"base64": item["result"]}}

    def _ids(self, part: Mapping[str, Any], kind: Any) -> list[str]:
        """The ids of media of this server that a part names."""
        inner = part.get(kind) if isinstance(kind, str) else None
        holders = [part, inner] if isinstance(inner, Mapping) else [part]
        named = [holder.get(key) for holder in holders for key in ("id", "file_id")]
        named.append(self._id_in(_address(part, kind) or ""))
        return [id for id in named if isinstance(id, str) and id.startswith("media-")]

    def _id_in(self, address: str) -> str | None:
        """The id of a medium of this server that is at the address; None for any other."""
        for start in (self._base + PATH, PATH):
            if address.startswith(start):
                return address.removeprefix(start)
        return None

    def _linked(self, text: str) -> list[Any]:
        """An assistant's text, with its own media where their links stand."""
        parts: list[Any] = []
        at = 0
        for link in _LINK.finditer(text):
            id, channel = self._id_in(link[2]), link[1]
            if id is None:
                continue
            entry = self._service.media.find(id, self._caller.name)
            if entry is None and channel not in self._channels:
                continue
            parts += [{"type": "text", "text": text[at : link.start()]}]
            parts.append(entry.part if entry else MediaPart(channel))  # a gap: it is gone
            at = link.end()
        parts.append({"type": "text", "text": text[at:]})
        return [one for one in parts if not isinstance(one, dict) or one["text"]]

    @property
    def _channels(self) -> Mapping[str, Any]:
        return self._service.channels


def _address(part: Mapping[str, Any], kind: Any) -> str | None:
    """The address of what a part holds; None where it holds it itself."""
    inner = part.get(kind, part) if isinstance(kind, str) else part
    if isinstance(inner, Mapping):
        urls = [v for k, v in inner.items() if isinstance(k, str) and k.lower().endswith("url")]
        inner = urls[0] if urls else None
    if isinstance(inner, Mapping):
        inner = inner.get("url")
    if isinstance(inner, str) and inner[:8].lower().startswith(("http://", "https://", "/v1/")):
        return inner
    return None
