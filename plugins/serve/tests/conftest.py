"""Real servers on loopback, of a tiny system that speaks in glyphs, and OpenAI's real client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit
from nextgpt_serve import Settings, create_app
from nextgpt_serve.running import Server
from nextgpt_serve.service import Service


@dataclass(frozen=True)
class Served:
    """A server that runs in this process."""

    url: str
    service: Service
    closing: ExitStack

    def client(self, key: str = "none") -> OpenAI:
        client = OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)
        return self.closing.enter_context(client)


@contextmanager
def serving(
    pipeline: Pipeline, settings: Settings, examples: Sequence[str] = ()
) -> Iterator[Served]:
    app = create_app(pipeline, settings, examples=examples)
    server = Server(app, settings)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    until = time.monotonic() + 60
    while not (server.started and app.state.service.is_ready):
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < until, "the server was not ready in time"
        time.sleep(0.01)
    try:
        with ExitStack() as closing:
            yield Served(server.url, app.state.service, closing)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with SystemKit(tmp_path_factory.mktemp("kit")).pipeline() as pipeline:
        yield pipeline


@pytest.fixture(scope="session")
def served(pipeline: Pipeline) -> Iterator[Served]:
    with serving(pipeline, Settings(port=0)) as served:
        yield served


@pytest.fixture
def serve(pipeline: Pipeline) -> Iterator[Callable[..., Served]]:
    """Servers with settings of their own, or of another system, for one test."""
    with ExitStack() as stack:

        def start(other: Pipeline | None = None, **settings: Any) -> Served:
            return stack.enter_context(serving(other or pipeline, Settings(port=0, **settings)))

        yield start


@pytest.fixture(scope="session")
def studio(pipeline: Pipeline) -> Iterator[Served]:
    with serving(pipeline, Settings(port=0, studio=True), ["Say something."]) as served:
        yield served


@pytest.fixture(scope="session")
def client(served: Served) -> OpenAI:
    return served.client()


@pytest.fixture
def glyph_file(pipeline: Pipeline, tmp_path: Path) -> Path:
    from nextgpt_core.testing import glyph

    return pipeline.write(glyph(1), tmp_path / "a")
