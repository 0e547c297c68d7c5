"""What a server fetches: from hosts that were allowed, of the public net, and never more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from openai import BadRequestError

from nextgpt_registry.media import Blob
from nextgpt_serve.addresses import is_public
from nextgpt_serve.errors import ApiError
from nextgpt_serve.fetching import Fetcher


class Host(BaseHTTPRequestHandler):
    """A host of media, and of traps."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        packed = self.path == "/packed"
        body = b"x" * 2000 if self.path == "/large" else b"GLYPH" + bytes(64)
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Type", "application/x-glyph; charset=x")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        if self.path != "/endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(address: str, port: int, **options: Any) -> Blob:
    """As from a host of the public net called media.example, which is this machine."""
    given = {
        "resolve": lambda host, port: ["127.0.0.1"],
        "reachable": lambda address: True,
        **options,
    }

    async def go() -> Blob:
        hosts = (f"media.example:{port}", f"other.example:{port}")
        return await Fetcher(hosts, seconds=5, **given)(address, 1000)

    return asyncio.run(go())


def test_medium_of_an_allowed_host(port: int) -> None:
    blob = fetch(f"http://media.example:{port}/a/b.glyph?c", port)

    assert blob == Blob(b"GLYPH" + bytes(64), name="fetched.glyph", mime="application/x-glyph")


def test_redirect_is_followed_to_allowed_hosts_alone(port: int) -> None:
    there = f"http://other.example:{port}/b.glyph"
    assert fetch(f"http://media.example:{port}/to?{there}", port).name == "fetched.glyph"
    assert fetch(f"http://media.example:{port}/to?/b.glyph", port).name == "fetched.glyph"
    for away in (f"http://127.0.0.1:{port}/x", "file:///etc/passwd", "gopher://media.example/x"):
        with pytest.raises(ApiError, match="not fetched"):
            fetch(f"http://media.example:{port}/to?{away}", port)
    loop = f"http://media.example:{port}/to?/to?/to?/to?/to?/x"
    with pytest.raises(ApiError, match="too often"):
        fetch(loop, port)


@pytest.mark.parametrize("path", ["large", "packed", "none"])
def test_what_is_no_medium_within_bounds(port: int, path: str) -> None:
    with pytest.raises(ApiError) as caught:
        fetch(f"http://media.example:{port}/{path}", port)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{}/x",
        "http://2130706433:{}/x",
        "http://0177.0.0.1:{}/x",
        "http://[::1]:{}/x",
        "http://[::ffff:127.0.0.1]:{}/x",
        "http://localhost:{}/x",
        "http://media.example.evil:{}/x",
        "http://evil@media.example:{}/x",
        "http://media.example:80:{}/x",
        "http://media.example/x",
        "ftp://media.example:{}/x",
        "http://media.example:{}/x y",
        "http://media.example:{}/x\r\nHost: a",
        "http://media.example:{}\\@evil/x",
        "http://MEDIA。example:{}/x",
        "http:///x",
    ],
)
def test_other_hosts_are_never_asked(port: int, address: str) -> None:
    Host.asked.clear()

    with pytest.raises(ApiError):
        fetch(address.format(port), port)

    assert not Host.asked


def test_name_of_a_private_address_is_refused(port: int) -> None:
    Host.asked.clear()
    url = f"http://media.example:{port}/x"

    for found in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"], []):
        with pytest.raises(ApiError, match="public net"):
            fetch(url, port, resolve=lambda host, port, found=found: found, reachable=is_public)

    assert not Host.asked


def test_name_that_changes_its_answer_gains_nothing(port: int) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    blob = fetch(
        f"http://media.example:{port}/a.glyph", port, resolve=lambda host, port: next(answers)
    )

    assert blob.data.startswith(b"GLYPH")
    assert next(answers) == ["10.0.0.1"]  # it was asked once


NOT_PUBLIC = """
127.0.0.1 127.8.8.8 0.0.0.0 10.1.2.3 172.16.0.1 192.168.0.1 169.254.169.254 100.64.0.1 224.0.0.1
255.255.255.255 198.18.0.1 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1
::ffff:127.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::7f00:1 2002:7f00:1::
2001:0:7f00:1:: 2001:db8::1 x
"""


@pytest.mark.parametrize("address", ["", *NOT_PUBLIC.split()])
def test_address_that_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_address_that_is(address: str) -> None:
    assert is_public(address)


def test_address_in_a_request_is_fetched(port: int, serve: Callable[..., Any]) -> None:
    served = serve(fetch=(f"media.example:{port}",))
    here = {"resolve": lambda host, port: ["127.0.0.1"], "reachable": lambda address: True}
    served.service.fetcher = replace(served.service.fetcher, **here)

    def ask(url: str, count: int = 1) -> Any:
        parts: Any = [{"type": "glyph_url", "glyph_url": {"url": url}}] * count
        return served.client().chat.completions.create(
            model="kit",
            messages=[{"role": "user", "content": [*parts, {"type": "text", "text": "x"}]}],
            max_tokens=2,
        )

    url = f"http://media.example:{port}/a.glyph"
    assert ask(url, 2).usage.prompt_tokens_details.media_tokens == 16
    for bad, said in (
        (url.replace("media.", "other."), "none that"),
        (url[:-7] + "large", "glyph"),
    ):
        with pytest.raises(BadRequestError, match=said):
            ask(bad)
    with pytest.raises(BadRequestError, match="more than 16"):
        ask(url, 17)
