"""Who is let in, with how much, and what is told of what goes wrong."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, AuthenticationError, OpenAI, RateLimitError
from typer.testing import CliRunner

from nextgpt_registry.errors import ConfigError
from nextgpt_serve import Settings
from nextgpt_serve.cli.keys import app as keys_app
from nextgpt_serve.keys import Keyring, add_key, read_keys, revoke_key

HELLO: Any = [{"role": "user", "content": "Hello"}]
ONE: Any = {"nextgpt": {"require": {"glyph": 1}}}
Serve = Callable[..., Any]


def ask(client: OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(
        **{"model": "kit", "messages": HELLO, "max_tokens": 4, **options}
    )


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a request that no proper client would send."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("POST", "/v1/chat/completions", body, headers)
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


# --- keys -----------------------------------------------------------------------------------------


def test_keys_are_made_listed_and_revoked_and_lie_hashed(tmp_path: Path) -> None:
    file, run = tmp_path / "keys.json", CliRunner()
    made = run.invoke(keys_app, ["add", "me", "--file", str(file), "--requests", "60"])
    run.invoke(keys_app, ["add", "you", "--file", str(file)])
    token = made.output.strip()
    ring = Keyring(file)

    assert token.startswith("sk-nextgpt-")
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = ring.find(token)
    assert found is not None
    assert (found.name, found.requests) == ("me", 60)
    listed = run.invoke(keys_app, ["list", "--file", str(file)]).output
    assert "me" in listed
    assert "60 requests a minute" in listed
    run.invoke(keys_app, ["revoke", "me", "--file", str(file)])
    assert ring.find(token) is None
    assert [key.name for key in read_keys(file)] == ["you"]


def test_file_of_keys_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    with pytest.raises(ConfigError, match="cannot be read"):
        Keyring(file)
    file.write_text("sk-123")
    for use in (lambda: Keyring(file), lambda: add_key(file, "me"), lambda: revoke_key(file, "me")):
        with pytest.raises(ConfigError, match="holds no keys"):
            use()
    file.unlink()
    add_key(file, "me")
    with pytest.raises(ConfigError, match="has one of this name"):
        add_key(file, "me")
    with pytest.raises(ConfigError, match="there are: me"):
        revoke_key(file, "you")


def test_only_keys_open_and_media_are_their_owners(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    mine, yours = add_key(file, "me"), add_key(file, "you")
    served = serve(keys=file)
    me, you = served.client(mine), served.client(yours)

    answer = ask(me, extra_body=ONE)
    url = answer.choices[0].message.parts[-1]["glyph_url"]["url"]

    assert me._client.get(url, headers=me.auth_headers).status_code == 200
    assert me._client.get(url).status_code == 401
    assert you._client.get(url, headers=you.auth_headers).status_code == 404
    for wrong in ("x", "sk-nextgpt-" + "a" * 43, mine[:-1], mine + "x"):
        with pytest.raises(AuthenticationError) as caught:
            ask(served.client(wrong))
        assert caught.value.code == "invalid_api_key"
        assert caught.value.response.headers["www-authenticate"] == "Bearer"
    revoke_key(file, "me")
    with pytest.raises(AuthenticationError):
        ask(me)
    assert me._client.get(f"{served.url}/health").status_code == 200
    assert me._client.get(f"{served.url}/metrics").status_code == 401


def test_quota_of_a_key_says_when_to_come_back(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    token = add_key(file, "me", requests=2)
    client = serve(keys=file).client(token)

    ask(client)
    ask(client)
    with pytest.raises(RateLimitError) as caught:
        ask(client)

    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_host_that_others_reach_wants_keys(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no keys"):
        Settings(host=host).check(open_to_all=False)

    Settings(host=host).check(open_to_all=True)
    Settings(host=host, keys=tmp_path).check(open_to_all=False)
    for local in ("127.0.0.1", "::1", "localhost"):
        Settings(host=local).check(open_to_all=False)


# --- bounds ---------------------------------------------------------------------------------------


def test_body_that_is_too_large_is_not_read(serve: Serve) -> None:
    served = serve(body_bytes=1000)
    with pytest.raises(APIStatusError) as caught:
        ask(served.client(), messages=[{"role": "user", "content": "x" * 2000}])

    assert caught.value.status_code == 413
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as lying:  # it says nothing of its length
        head = (
            "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        lying.sendall(head.encode() + b"800\r\n" + b"x" * 2048 + b"\r\n")
        assert lying.recv(1000).startswith(b"HTTP/1.1 413")


def test_body_that_does_not_come_is_not_waited_for(serve: Serve) -> None:
    served = serve(body_s=0.2)
    host, port = served.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port)), 10) as slow:
        slow.sendall(
            b"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
        )
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe{}", 400),
        (b'{"model": "kit", "messages": [{"role": "user", "content": "\\ud800"}]}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b'{"model": "kit", "messages": [], "seed": ' + b"9" * 5000 + b"}", 400),
        (b'{"model": "kit", "messages": [], "temperature": NaN}', 400),
        (b'["model"]', 400),
        (b'{"model": "kit", "messages": [{"role": "user", "content": {"a": 1}}]}', 400),
    ],
)
def test_json_that_is_none_is_refused(served: Any, body: bytes, status: int) -> None:
    found, told = post(served.url, body, **{"Content-Type": "application/json"})

    assert found == status
    assert told["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in told["error"]["message"]


def test_other_host_names_are_none_of_ours(served: Any) -> None:
    status, told = post(served.url, b"{}", Host="evil.example")

    assert status == 421
    assert told["error"]["code"] == "wrong_host"
    host = served.url.removeprefix("http://")
    for origin, wanted in (("https://evil.example", 403), ("null", 403), (served.url, 400)):
        assert post(served.url, b"{}", Host=host, Origin=origin)[0] == wanted


def test_body_that_says_to_be_something_else_is_refused(served: Any) -> None:
    body = b'{"model": "kit", "messages": [{"role": "user", "content": "Hello"}]}'

    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert post(served.url, body, **{"Content-Type": kind})[0] == 400


def test_queue_that_is_full_says_when_to_come_back(serve: Serve) -> None:
    served = serve(at_once=1, waiting=0)
    slow: Any = {
        "nextgpt": {**ONE["nextgpt"], "decoder_options": {"glyph": {"steps": 200, "step_s": 0.02}}}
    }
    stream = ask(served.client(), stream=True, max_tokens=1, extra_body=slow)
    next(iter(stream))

    with pytest.raises(APIStatusError) as caught:
        ask(served.client())
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) >= 1
    stream.close()  # a client that goes away frees its place
    until = time.monotonic() + 10
    while served.service.queue.under_way and time.monotonic() < until:
        time.sleep(0.02)
    assert ask(served.client()).choices


def test_deadline_is_of_the_whole_request(serve: Serve) -> None:
    served = serve(deadline_s=0.5)
    slow: Any = {
        "nextgpt": {**ONE["nextgpt"], "decoder_options": {"glyph": {"steps": 500, "step_s": 0.02}}}
    }

    with pytest.raises(APIStatusError) as caught:
        ask(served.client(), max_tokens=1, extra_body=slow)

    assert caught.value.status_code == 504
    assert served.service.queue.under_way == 0


def test_memory_has_a_bound(serve: Serve) -> None:
    served = serve(memory_bytes=1)

    with pytest.raises(APIStatusError) as caught:
        ask(served.client())

    assert caught.value.status_code == 503
    assert served.client()._client.get(f"{served.url}/health").status_code == 200


# --- what is told ---------------------------------------------------------------------------------


def test_log_has_no_contents(served: Any, client: OpenAI, caplog: pytest.LogCaptureFixture) -> None:
    secret: Any = [{"role": "user", "content": "the treasure lies in the garden"}]
    with caplog.at_level(logging.INFO, "nextgpt.serve.access"):
        answer = ask(client, messages=secret, extra_headers={"X-Request-Id": "mine-1"})
        client._client.get(f"{served.url}/v1/media/media-treasure?garden")

        until = time.monotonic() + 10  # a line is written when its answer has been sent
        while len(caplog.records) < 2 and time.monotonic() < until:
            time.sleep(0.01)

    lines = [json.loads(r.message) for r in caplog.records if r.name == "nextgpt.serve.access"]
    assert answer._request_id == "mine-1"
    assert [line["request"] for line in lines[:1]] == ["mine-1"]
    assert [line["route"] for line in lines] == ["/v1/chat/completions", "/v1/media/{id}"]
    assert [line["status"] for line in lines] == [200, 404]
    assert "treasure" not in caplog.text


def test_every_answer_has_headers_that_browsers_heed(served: Any, client: OpenAI) -> None:
    for path in ("/health", "/v1/models", "/nowhere"):
        headers = client._client.get(f"{served.url}{path}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
        assert headers["x-request-id"]


def test_figures_for_prometheus(served: Any, client: OpenAI) -> None:
    ask(client, extra_body=ONE)

    text = client._client.get(f"{served.url}/metrics").text

    assert 'nextgpt_requests_total{route="/v1/chat/completions",status="200"}' in text
    assert 'nextgpt_medium_seconds_count{channel="glyph"}' in text
    assert 'nextgpt_tokens_total{kind="written"}' in text


def test_schema_shows_the_parts_that_are_installed(served: Any, client: OpenAI) -> None:
    schema = client._client.get(f"{served.url}/openapi.json").json()

    types = {
        part["properties"]["type"]["const"]
        for part in schema["components"]["schemas"]["ContentPart"]["anyOf"]
    }
    assert {"text", "file", "glyph_url", "input_glyph", "glyph_generation_call"} <= types


def test_models_say_what_they_read_and_make(client: OpenAI) -> None:
    (model,) = client.models.list().data

    assert model.id == client.models.retrieve("kit").id == "kit"
    (channel,) = model.channels  # type: ignore[attr-defined]
    assert channel["reads"] is channel["makes"] is True
    assert channel["part_types"] == ["glyph_url", "input_glyph"]
    assert channel["options"]["properties"]["steps"]["default"] == 3
