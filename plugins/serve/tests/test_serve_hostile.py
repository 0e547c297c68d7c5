"""What nobody should send: each is a 4xx with a message, and nothing of it stays."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

GLYPH = b"GLYPH" + bytes(64)
PACKED = base64.b64encode(GLYPH).decode()
DATA = f"data:application/x-glyph;base64,{PACKED}"
DEEP: Any = "x"
for _ in range(200):
    DEEP = [DEEP]


def glyph(held: Any, kind: str = "glyph_url") -> dict[str, Any]:
    return {"type": kind, kind: held}


PARTS: list[Any] = [
    None,
    1,
    "text",
    [],
    {},
    DEEP,
    {"type": None},
    {"type": 1},
    {"type": []},
    {"type": "text"},
    {"type": "text", "text": 1},
    {"type": "text", "text": ["a"]},
    {"type": "glyph_url"},
    {"type": "../../etc/passwd"},
    {"type": "image_url", "image_url": {"url": DATA}},
    glyph(None),
    glyph(1),
    glyph([]),
    glyph({}),
    glyph(DEEP),
    glyph({"url": None}),
    glyph({"url": 1}),
    glyph({"url": {"url": 1}}),
    glyph({"data": ""}),
    glyph({"data": "?"}),
    glyph({"data": 1}),
    glyph({"data": [1, 2]}),
    glyph({"path": "/etc/passwd"}),
    glyph({"path": ["/etc/passwd"]}),
    glyph({"array": [1], "path": "x"}),
    glyph({"file_id": "file-1"}),
    glyph({"id": "media-x"}),
    glyph({"url": "media-x"}),
    glyph({"url": "/v1/media/media-x"}),
    glyph({"url": "/v1/media/../keys"}),
    *map(
        glyph,
        [
            "",
            " ",
            "x",
            "/etc/passwd",
            "file:///etc/passwd",
            "FILE:/etc/passwd",
            "~/.ssh/id_rsa",
            "\x00",
            "http://169.254.169.254/latest/meta-data",
            "https://127.0.0.1/x",
            "http://[::1]/x",
            "ftp://x/y",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://017700000001/",
            "gopher://x",
            "http://",
            "javascript:alert(1)",
            "package:nextgpt_core/py.typed",
            "hf:x/y",
            "pypi:x",
            "\\\\host\\share",
            "data:",
            "data:,",
            "data:;base64,",
            "data:application/x-glyph;base64,????",
            f"{DATA}=====A",
            "data:application/x-glyph;base64," + "A" * 4000,
            "data:application/x-glyph;base64,QQ==",
            "data:image/png;base64,iVBORw0KGgo=",
            "data:image/svg+xml,<svg onload=alert(1)>",
            "data:text/html,<script>alert(1)</script>",
            "data:application/x-glyph," + "%41" * 2000,
            "data:" + "a" * 5000,
            "data:application/x-glyph;base64," + base64.b64encode(GLYPH + b"PK\x03\x04").decode(),
            "data:application/x-glyph;base64," + base64.b64encode(GLYPH[:-1]).decode(),
        ],
    ),
]
"""Parts of a message that are none, or lie."""

FIELDS: list[dict[str, Any]] = [
    {"model": None},
    {"model": 1},
    {"model": "x" * 600},
    {"model": "../kit"},
    {"model": ["kit"]},
    {"messages": None},
    {"messages": {}},
    {"messages": "Hello"},
    {"messages": [1]},
    {"messages": [[]]},
    {"messages": [{}]},
    {"messages": [{"role": "user"}]},
    {"messages": [{"content": "x"}]},
    {"messages": [{"role": 1, "content": "x"}]},
    {"messages": [{"role": "tool", "content": "x"}]},
    {"messages": [{"role": "user", "content": 1}]},
    {"messages": [{"role": "user", "content": {}}]},
    {"messages": [{"role": "user", "content": "x"}] * 10_001},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 10_001}]},
    {"messages": [{"role": "assistant", "tool_calls": [{}]}, {"role": "user", "content": "x"}]},
    {"temperature": -1},
    {"temperature": 1e308},
    {"temperature": "hot"},
    {"top_p": 0},
    {"top_p": 2},
    {"n": 9},
    {"n": -1},
    {"n": 1.5},
    {"n": "many"},
    {"seed": 2**64},
    {"seed": "x"},
    {"seed": 0.5},
    {"max_tokens": -1},
    {"max_tokens": "x"},
    {"max_tokens": 1e30},
    {"stop": 1},
    {"stop": ["a"] * 17},
    {"stop": [1]},
    {"stream": "perhaps"},
    {"stream_options": 1},
    {"stream_options": {"x": 1}},
    {"modalities": "text"},
    {"modalities": [1]},
    {"modalities": ["../x"]},
    {"functions": [{}]},
    {"__class__": "x"},
    {"a" * 5000: 1},
    {"constructor": {}},
    {"tools": "x"},
    {"tools": [1]},
    {"nextgpt": 1},
    {"nextgpt": []},
    {"nextgpt": {"require": 1}},
    {"nextgpt": {"require": {"glyph": -1}}},
    {"nextgpt": {"require": {"glyph": 10**9}}},
    {"nextgpt": {"require": {"glyph": 999}}},
    {"nextgpt": {"require": {"../x": 1}}},
    {"nextgpt": {"require": {"glyph": True, "x": 1}}},
    {"nextgpt": {"decoder_options": {"glyph": 1}}},
    {"nextgpt": {"decoder_options": {"x": {}}}},
    {"nextgpt": {"decoder_options": {"glyph": {"steps": "x"}}}},
    {"nextgpt": {"max_media": -1}},
    {"nextgpt": {"decoder_options": {"glyph": {"__init__": 1}}}},
    {"nextgpt": {"top_k": -1}},
    {"nextgpt": {"format": {"glyph": "../../x"}}},
    {"nextgpt": {"format": {"glyph": 1}}},
    {"nextgpt": {"media": "disk"}},
    {"nextgpt": {"deterministic": "x"}},
]
"""Fields of a request that are wrong."""

REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/", None),
    ("GET", "/v1", None),
    ("GET", "/v1/chat/completions", None),
    ("PUT", "/v1/responses", {}),
    ("DELETE", "/v1/models/kit", None),
    ("GET", "/.env", None),
    ("GET", "/v1/models/other", None),
    ("GET", "/v1/models/..%2f..%2fetc%2fpasswd", None),
    ("GET", "/v1/media/", None),
    ("GET", "/v1/media/media-%00", None),
    ("GET", "/v1/media/%2e%2e/x", None),
    ("GET", "/v1/media/media-" + "a" * 2000, None),
    ("GET", "/static/../../pyproject.toml", None),
    ("GET", "/static/%2e%2e/%2e%2e/etc/passwd", None),
    ("OPTIONS", "/v1/chat/completions", None),
    ("TRACE", "/health", None),
    ("POST", "/health", {}),
    ("POST", "/v1/generations/other", {"prompt": "x"}),
    ("POST", "/v1/generations/glyph", {}),
    ("POST", "/v1/generations/glyph", {"prompt": 1}),
    ("POST", "/v1/generations/glyph", {"prompt": "x", "n": 99}),
    ("POST", "/v1/generations/..", {}),
    ("POST", "/v1/generations/glyph", {"prompt": "x", "options": {"fail": "maybe"}}),
    ("POST", "/v1/generations/glyph", {"prompt": "x", "input": ["x"]}),
    ("POST", "/v1/embeddings", {}),
    ("POST", "/v1/embeddings", {"model": "kit", "input": []}),
    ("POST", "/v1/embeddings", {"model": "kit", "input": [1]}),
    ("POST", "/v1/embeddings", {"model": "kit", "input": ["x"] * 257}),
    ("POST", "/v1/embeddings", {"model": "kit", "input": [glyph("file:///etc/passwd")]}),
    ("POST", "/v1/embeddings", {"model": "kit", "input": [""]}),
    ("POST", "/v1/images/generations", {"prompt": "x"}),
    ("POST", "/v1/images/edits", {"prompt": "x"}),
    ("POST", "/v1/audio/speech", {"input": "x"}),
    ("POST", "/v1/videos", {"prompt": "x"}),
    ("GET", "/v1/videos/video_x", None),
    ("GET", "/v1/videos/video_x/content", None),
    ("DELETE", "/v1/videos/..", None),
    ("POST", "/v1/responses", {"model": "kit"}),
    ("POST", "/v1/responses", {"model": "kit", "input": [[]]}),
    ("POST", "/v1/responses", {"model": "kit", "input": [{}]}),
    ("POST", "/v1/responses", {"model": "kit", "input": [{"type": "item_reference", "id": "x"}]}),
    (
        "POST",
        "/v1/responses",
        {"model": "kit", "input": [{"type": "glyph_generation_call", "id": "x"}]},
    ),
    (
        "POST",
        "/v1/responses",
        {"model": "kit", "input": [{"type": "x_generation_call", "result": "QQ=="}]},
    ),
    ("POST", "/v1/responses", {"model": "kit", "input": [{"type": "message", "content": "x"}]}),
    (
        "POST",
        "/v1/responses",
        {"model": "kit", "input": "x", "tools": [{"type": "mcp", "server_url": "http://x"}]},
    ),
]
"""What is asked for where it is not."""

HEAD = b"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\n"
RAW = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /health\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    HEAD + b"Content-Length: -1\r\n\r\n",
    HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    HEAD + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n{",
    HEAD + b"Content-Length: 2\r\nTransfer-Encoding: x\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
]
"""Bytes that are no request."""


@pytest.fixture(scope="module")
def connection(served: Any) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
    yield connection
    connection.close()


@pytest.fixture(autouse=True)
def nothing_stays(served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the server runs in this process
    yield
    assert list(tmp_path.glob("nextgpt-*")) == []
    assert served.service.queue.under_way == served.service.queue.waiting == 0


def refused(connection: http.client.HTTPConnection, method: str, path: str, body: Any) -> None:
    data = b"" if body is None else json.dumps(body).encode()
    connection.request(method, path, data, {"Content-Type": "application/json"})
    response = connection.getresponse()
    told = json.loads(response.read())["error"]
    assert 400 <= response.status < 500, (response.status, told)
    assert told["message"]
    assert len(told["message"]) < 3000
    assert "Traceback" not in told["message"]
    assert "site-packages" not in told["message"]


def name(case: Any) -> str:
    return str(case)[:40]


@pytest.mark.parametrize("part", PARTS, ids=name)
def test_part_that_is_none(connection: http.client.HTTPConnection, part: Any) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "See"}, part]}

    refused(connection, "POST", "/v1/chat/completions", {"model": "kit", "messages": [message]})


@pytest.mark.parametrize("fields", FIELDS, ids=name)
def test_field_that_is_wrong(connection: http.client.HTTPConnection, fields: Any) -> None:
    right = {"model": "kit", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}

    refused(connection, "POST", "/v1/chat/completions", {**right, **fields})


@pytest.mark.parametrize("request_", REQUESTS, ids=name)
def test_request_for_what_is_not_there(
    connection: http.client.HTTPConnection, request_: Any
) -> None:
    refused(connection, *request_)


@pytest.mark.parametrize("sent", RAW, ids=name)
def test_bytes_that_are_no_request(served: Any, sent: bytes) -> None:
    host, port = served.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), 30) as raw:
        raw.sendall(sent)
        raw.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: raw.recv(4096), b""))

    assert told == b"" or told.startswith(b"HTTP/1.1 4")
