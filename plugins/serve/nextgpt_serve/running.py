"""A server from its start to its end. Knows no endpoint."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from nextgpt_core import Pipeline
from nextgpt_core.demo.script import opening_lines
from nextgpt_registry.configfile import load_config
from nextgpt_registry.fetch.progress import busy
from nextgpt_serve.app import create_app
from nextgpt_serve.settings import Settings

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CONNECTIONS = 1000  # at once; whoever comes later is turned away before anything is read
_IDLE_S = 30


def run(system: str, overrides: Sequence[str], settings: Settings, *, untrained: bool) -> None:
    """Serve until it is asked to stop, and then until requests under way have ended."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    with busy(f"loading {system}"):
        examples = opening_lines(load_config(system, overrides)) if settings.studio else ()
        pipeline = Pipeline.from_config(system, *overrides, untrained=untrained)
    with pipeline:
        Server(create_app(pipeline, settings, examples=examples), settings).run()


class Server(uvicorn.Server):
    """Ends with 0 once it is asked to and nothing is under way; asked again, it ends at once."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._service = app.state.service
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=_IDLE_S,
                timeout_graceful_shutdown=max(1, round(settings.drain_s)),
                lifespan="on",
            )
        )

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, and say where."""
        await super().startup()
        if self.started:
            sys.stdout.write(f"{self._service.name} is served at {self.url}\n")
            sys.stdout.flush()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop when all is answered; at once, if asked again."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = self._service.is_draining = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take both signals, and do not send them on to ourselves in the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in _SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
