"""Media of answers: by address, whole or in part, for a time, and for those who asked alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from openai import OpenAI

from nextgpt_core.testing import glyph
from nextgpt_serve.media.store import MediaStore

HELLO: Any = [{"role": "user", "content": "Hello"}]
ONE: Any = {"nextgpt": {"require": {"glyph": 1}}}


@pytest.fixture(scope="module")
def url(client: OpenAI) -> str:
    answer = client.chat.completions.create(
        model="kit", messages=HELLO, max_tokens=4, extra_body=ONE
    )
    found: str = answer.choices[0].message.parts[-1]["glyph_url"]["url"]  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-4", 0, 4), ("bytes=60-", 60, 68), ("bytes=-9", 60, 68), ("bytes=5-999", 5, 68)],
)
def test_part_of_a_medium(client: OpenAI, url: str, wanted: str, first: int, last: int) -> None:
    whole = client._client.get(url)
    part = client._client.get(url, headers={"Range": wanted})

    assert whole.status_code == 200
    assert whole.headers["content-type"] == "application/x-glyph"
    assert whole.headers["accept-ranges"] == "bytes"
    assert len(whole.content) == 69
    assert part.status_code == 206
    assert part.content == whole.content[first : last + 1]
    assert part.headers["content-range"] == f"bytes {first}-{last}/69"


def test_part_that_is_not_there(client: OpenAI, url: str) -> None:
    beyond = client._client.get(url, headers={"Range": "bytes=69-"})

    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == "bytes */69"


@pytest.mark.parametrize("wanted", ["bytes=", "bytes=1-0x", "lines=0-1", "bytes=0-1,5-6"])
def test_range_that_means_nothing_is_no_range(client: OpenAI, url: str, wanted: str) -> None:
    assert client._client.get(url, headers={"Range": wanted}).status_code == 200


def test_medium_under_way_is_waited_for(client: OpenAI) -> None:
    slow: Any = {"glyph": {"steps": 20, "step_s": 0.01}}
    chunks = client.chat.completions.create(
        model="kit",
        messages=HELLO,
        max_tokens=1,
        stream=True,
        extra_body={"nextgpt": {"require": {"glyph": 1}, "decoder_options": slow}},
    )
    for chunk in chunks:
        for part in getattr(chunk.choices[0].delta, "parts", None) or []:
            if part["type"] == "glyph_url":
                assert part["status"] == "in_progress"
                path = f"{client.base_url}media/{part['id']}"
                assert client._client.get(path).content.startswith(b"GLYPH")
                chunks.close()
                return
    pytest.fail("no medium began")


@pytest.mark.parametrize("id", ["media-x", "x", "..%2F..%2Fetc%2Fpasswd", "media-" + "a" * 999])
def test_guessed_id_is_not_found(client: OpenAI, id: str) -> None:
    found = client._client.get(f"{client.base_url}media/{id}")

    assert found.status_code == 404
    assert found.json()["error"]["type"] == "invalid_request_error"


def test_store_forgets_what_expired_and_what_is_too_much() -> None:
    now = [0.0]
    store = MediaStore(most_bytes=3 * 64 + 30, seconds=10, clock=lambda: now[0])
    add = partial(store.begin, channel="glyph", mime="a/b", suffix=".g")
    entries = [add("me") for _ in range(3)]
    for entry in entries:
        store.done(entry, glyph(), b"x" * 10)

    assert [store.find(entry.id, "me") for entry in entries] == entries
    assert store.find(entries[0].id, "you") is None
    last = add("me")
    store.done(last, glyph(), b"x" * 10)
    assert store.find(entries[0].id, "me") is None  # found least lately
    assert store.find(last.id, "me") is last
    now[0] = 10.0
    assert store.find(last.id, "me") is None
    add("me")
    assert store.bytes == 0
