"""Forms with files, as OpenAI's clients send them. Knows no endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from nextgpt_registry.media import Blob
from nextgpt_serve.channels import Channel
from nextgpt_serve.errors import ApiError

_MOST_FILES, _MOST_FIELDS = 16, 64
_NUMBERS = ("n", "seed")

SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"prompt": {"type": "string"}},
                    "required": ["prompt"],
                }
            }
        },
    }
}
"""What such an endpoint takes, for OpenAPI; which files it reads beside, it says itself."""


@asynccontextmanager
async def read_form(
    request: Request, files: str, *, into: Channel
) -> AsyncIterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    """The fields of a form, and as parts of a message its files called `files` or `files[]`.

    They are shown to the channel `into`, if it reads, and else to any that does.

    Raises:
        ApiError: it is no form, or one with other files.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(400, "a form is wanted: multipart/form-data", code="invalid_value")
    async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS) as form:
        fields: dict[str, Any] = {}
        parts: list[Any] = []
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                fields[name] = _number(name, value)
            elif name.removesuffix("[]") == files:
                blob = Blob(await value.read(), name="", mime=value.content_type or "")
                kind = into.name if into.reads else "file"
                parts.append({"type": kind, kind: blob})
            else:
                raise ApiError(
                    400, f"{name[:100]} is not taken; files are {files!r}", code="invalid_value"
                )
        yield fields, tuple(parts)


def _number(name: str, value: str) -> Any:
    return int(value) if name in _NUMBERS and value[:20].lstrip("-").isdecimal() else value
