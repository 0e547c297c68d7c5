"""`GET /v1/media/{id}`: the file of a medium, whole or in part; one on its way is waited for."""

from __future__ import annotations

import asyncio
import re

from fastapi import APIRouter, Request, Response

from nextgpt_serve.errors import ApiError, ErrorResponse, not_found
from nextgpt_serve.media.store import PATH, Entry
from nextgpt_serve.service import Service, service_of
from nextgpt_serve.waiting import while_connected

router = APIRouter()
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",  # a file is no page
    "Cross-Origin-Resource-Policy": "same-origin",
}


@router.head(PATH + "{id}", include_in_schema=False)
@router.get(
    PATH + "{id}",
    response_class=Response,
    responses={206: {"description": "A part of it."}, 404: {"model": ErrorResponse}},
)
async def media(id: str, request: Request) -> Response:
    """The file of a medium that an answer holds."""
    service = service_of(request)
    entry = await while_connected(request, settled(service, id, request.state.caller.name))
    return sent(entry, request.headers.get("range"))


async def settled(service: Service, id: str, owner: str) -> Entry:
    """A medium that is there, as soon as it is.

    Raises:
        ApiError: there is none such, it failed, or takes too long.
    """
    entry = service.media.find(id, owner)
    if entry is None:
        raise not_found("there is no such medium, or no longer", "media_not_found")
    try:
        async with asyncio.timeout(service.settings.deadline_s):
            await entry.settled.wait()
    except TimeoutError:
        raise ApiError(504, "is not ready yet", code="deadline_exceeded") from None
    if entry.error is not None:
        raise ApiError(410, "this medium could not be made", code="media_failed")
    return entry


def sent(entry: Entry, wanted: str | None) -> Response:
    """Its file, or the range of it that is `wanted`."""
    size = len(entry.data)
    name = f'inline; filename="{entry.channel}{entry.suffix}"'
    headers = {**_HEADERS, "Content-Disposition": name}
    match = _RANGE.fullmatch(wanted.replace(" ", "")) if wanted else None
    if match is None or not (match[1] or match[2]):
        return Response(entry.data, media_type=entry.mime, headers=headers)  # others are ignored
    if match[1]:
        start, last = int(match[1]), min(int(match[2] or size), size - 1)
    else:
        start, last = max(0, size - int(match[2])), size - 1
    if start > last:
        headers["Content-Range"] = f"bytes */{size}"
        raise ApiError(416, f"the medium has {size} bytes", headers=headers)
    headers["Content-Range"] = f"bytes {start}-{last}/{size}"
    return Response(entry.data[start : last + 1], 206, media_type=entry.mime, headers=headers)
