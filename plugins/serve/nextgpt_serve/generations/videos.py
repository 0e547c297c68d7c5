"""`/v1/videos`: media that take long, made while their asker does something else.

A job ends by itself, is its asker's alone, and is forgotten when its medium is.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from nextgpt_serve.errors import ApiError, api_error, not_found
from nextgpt_serve.fields import Closed
from nextgpt_serve.generations.forms import SCHEMA, read_form
from nextgpt_serve.generations.making import Generation, begin, fitting, medium_of
from nextgpt_serve.media.routes import sent, settled
from nextgpt_serve.parts import Change, MediumPart, Writing
from nextgpt_serve.service import Service, service_of

router = APIRouter()
_MOST = 1000  # jobs that are remembered


class VideoRequest(Closed):
    """A video wanted."""

    prompt: Annotated[str, Field(min_length=1)]
    model: str | None = None
    seed: int | None = None


@dataclass(eq=False)
class Job:
    """A medium on its way."""

    owner: str
    model: str
    prompt: str
    seconds: float  # for which it is remembered
    id: str = field(default_factory=lambda: f"video_{secrets.token_urlsafe(24)}")
    created: float = field(default_factory=time.time)
    completed: float | None = None
    status: str = "queued"
    progress: int = 0
    error: dict[str, Any] | None = None
    medium: str = ""  # its id, once it is there
    task: asyncio.Task[None] | None = None

    @property
    def expires(self) -> float:
        """When it is forgotten."""
        return self.created + self.seconds

    async def run(self, writing: Writing, changes: AsyncGenerator[Change, None]) -> None:
        """Go through with it."""
        try:
            async with aclosing(changes):
                async for change in changes:
                    self.status = "in_progress"
                    if isinstance(change.part, MediumPart) and change.part.steps:
                        done, total = change.part.steps
                        self.progress = int(99 * done / max(1, total))
            self.medium = medium_of(writing).entry.id
            self.progress, self.status = 100, "completed"
        except Exception as error:
            told = api_error(error)
            self.status = "failed"
            self.error = {"code": told.code or "failed", "message": told.message}
        self.completed = time.time()

    @property
    def shown(self) -> dict[str, Any]:
        """As OpenAI shows it."""
        return {
            "id": self.id,
            "object": "video",
            "model": self.model,
            "prompt": self.prompt,
            "status": self.status,
            "progress": self.progress,
            "created_at": int(self.created),
            "completed_at": self.completed and int(self.completed),
            "expires_at": int(self.expires),
            "error": self.error,
            "seconds": "",
            "size": "",
        }


class Jobs(dict[str, Job]):
    """By id; those that are over and expired go."""

    def add(self, job: Job) -> None:
        """Remember one.

        Raises:
            ApiError: too many are under way.
        """
        for old in [one for one in self.values() if one.expires < time.time() and one.completed]:
            del self[old.id]
        if len(self) >= _MOST:
            raise ApiError(503, "there are too many jobs", headers={"Retry-After": "60"})
        self[job.id] = job

    async def stop(self) -> None:
        """Call all of them off."""
        tasks = [job.task for job in self.values() if job.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@router.post("/v1/videos", openapi_extra=SCHEMA)
async def create(request: Request) -> dict[str, Any]:
    """Begin a video."""
    service, caller = service_of(request), request.state.caller
    channel = fitting(service, "video")
    async with read_form(request, "input_reference", into=channel) as (fields, parts):
        body = VideoRequest.model_validate(fields)
        wanted = Generation(prompt=body.prompt, model=body.model, input=parts, seed=body.seed)
        ((writing, changes),) = await begin(request, channel, wanted)
    job = Job(caller.name, service.name, body.prompt, service.settings.media_s)
    jobs_of(service).add(job)
    job.task = asyncio.ensure_future(job.run(writing, changes))
    return job.shown


@router.get("/v1/videos")
async def listed(request: Request) -> dict[str, Any]:
    """The caller's videos, the latest first."""
    jobs = jobs_of(service_of(request)).values()
    own = [job.shown for job in jobs if job.owner == request.state.caller.name]
    return {"object": "list", "data": own[::-1], "has_more": False}


@router.get("/v1/videos/{id}")
async def retrieve(id: str, request: Request) -> dict[str, Any]:
    """How far it is."""
    return _job(id, request).shown


@router.get("/v1/videos/{id}/content", response_class=Response)
async def content(id: str, request: Request) -> Response:
    """The file, once it is there."""
    job = _job(id, request)
    if not job.medium:
        raise ApiError(409, f"is {job.status}", code="video_not_ready")
    entry = await settled(service_of(request), job.medium, job.owner)
    return sent(entry, request.headers.get("range"))


@router.delete("/v1/videos/{id}")
async def delete(id: str, request: Request) -> dict[str, Any]:
    """Forget it; one under way is called off."""
    job = _job(id, request)
    if job.task:
        job.task.cancel()
    del jobs_of(service_of(request))[id]
    return {"id": id, "object": "video.deleted", "deleted": True}


def jobs_of(service: Service) -> Jobs:
    """The jobs of a service."""
    found: Jobs = service.state.setdefault("videos", Jobs())
    return found


def _job(id: str, request: Request) -> Job:
    job = jobs_of(service_of(request)).get(id)
    if job is None or job.owner != request.state.caller.name:
        raise not_found("there is no such video, or no longer", "video_not_found")
    return job
