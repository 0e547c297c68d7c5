"""A hub on this machine in place of the real one, for its real client. Knows no repository."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Repository(BaseHTTPRequestHandler):
    """What a hub answers; `do_GET` says what, and `missing` what a 404 is about."""

    missing = "EntryNotFound"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        raise NotImplementedError

    def answer(self, code: int, body: bytes, commit: str = "") -> None:
        self.send_response(code)
        if code == 404:
            self.send_header("X-Error-Code", self.missing)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{commit}-{abs(hash(body))}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(
    handler: type[Repository], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The client of the hub asks `handler`, and all caches are in `folder`."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="no huggingface_hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for switch in ("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(switch, raising=False)
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setenv("NEXTGPT_CACHE", str(folder / "cache"))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()
