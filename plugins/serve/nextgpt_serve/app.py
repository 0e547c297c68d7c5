"""The application: what is where. Knows no endpoint from inside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from nextgpt_core import Pipeline
from nextgpt_serve.chat.routes import router as chat
from nextgpt_serve.door import Door
from nextgpt_serve.embeddings import router as embeddings
from nextgpt_serve.errors import ErrorResponse
from nextgpt_serve.failures import handle_failures
from nextgpt_serve.generations.routes import router as generations
from nextgpt_serve.generations.videos import jobs_of
from nextgpt_serve.generations.videos import router as videos
from nextgpt_serve.media.routes import router as media
from nextgpt_serve.models import router as models
from nextgpt_serve.openapi import describe
from nextgpt_serve.reception import Reception
from nextgpt_serve.responses.routes import router as responses
from nextgpt_serve.service import Service
from nextgpt_serve.settings import Settings
from nextgpt_serve.state import router as state
from nextgpt_serve.studio import routes as studio
from nextgpt_serve.warming import warmed

_DOCUMENTED = (400, 401, 404, 413, 429, 500, 503, 504)


def create_app(
    pipeline: Pipeline, settings: Settings | None = None, *, examples: Sequence[str] = ()
) -> FastAPI:
    """The server of a live system, which stays its owner's to close.

    `examples` are what its page, if the settings have one, offers to begin with.
    """
    service = Service(pipeline, settings or Settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with warmed(service):
            yield
        await jobs_of(service).stop()

    app = FastAPI(
        title="nextgpt",
        version=version("nextgpt-serve"),
        lifespan=lifespan,
        docs_url=None,  # these pages fetch from elsewhere
        redoc_url=None,
        responses={code: {"model": ErrorResponse} for code in _DOCUMENTED},
    )
    app.state.service = service
    for router in (chat, responses, generations, videos, embeddings, models, media, state):
        app.include_router(router)
    if service.settings.studio:
        studio.mount(app, examples)
    handle_failures(app)
    describe(app, service.channels)
    app.add_middleware(Door, service=service)
    app.add_middleware(Reception, service=service)  # the outermost
    return app
