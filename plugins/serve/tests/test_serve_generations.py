"""Media on their own: of any channel, and as OpenAI has them for some."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openai import BadRequestError, ConflictError, NotFoundError, OpenAI

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API")  # of the client: its own service
TOY = {"modality": "glyph", "encoder": "rows", "decoder": "painter"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A system whose channels are called as OpenAI's endpoints are."""
    kit = SystemKit(tmp_path_factory.mktemp("kit"))
    channels = {name: TOY for name in ("image", "video", "speech")}
    with replace(kit, channels=channels).pipeline() as pipeline:
        yield pipeline


@pytest.fixture
def made(studio: Pipeline, serve: Callable[..., Any]) -> OpenAI:
    client: OpenAI = serve(studio).client()
    return client


def generate(client: OpenAI, channel: str = "glyph", **body: Any) -> Any:
    return client.post(f"/generations/{channel}", body={"prompt": "Draw", **body}, cast_to=object)


def test_media_of_any_channel(client: OpenAI, pipeline: Pipeline, glyph_file: Path) -> None:
    packed = base64.b64encode(glyph_file.read_bytes()).decode()
    part = {"type": "input_glyph", "input_glyph": {"data": packed}}
    options: Any = {"require": {"glyph": 1}, "max_media": 1, "channels": ["glyph"]}
    own = pipeline.chat([glyph_file, "Draw"], seed=2, **options)

    found = generate(client, input=[part], seed=1, n=2)
    (linked,) = generate(client, media="url", options={"steps": 1})["data"]

    assert [base64.b64decode(one["b64_json"])[:5] for one in found["data"]] == [b"GLYPH"] * 2
    assert base64.b64decode(found["data"][1]["b64_json"])[5:] == own.media[0].media.data.tobytes()
    assert found["usage"]["input_tokens_details"]["media_tokens"] == 8
    assert client._client.get(linked["url"]).content.startswith(b"GLYPH")


def test_generation_that_cannot_be(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="glyph"):
        generate(client, "hologram")
    with pytest.raises(BadRequestError, match="steps"):
        generate(client, options={"steps": 0})
    with pytest.raises(BadRequestError, match="prompt"):
        generate(client, prompt="")
    with pytest.raises(NotFoundError, match="kit"):
        generate(client, model="other")


def test_endpoints_of_what_is_not_made_say_what_is(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="/v1/generations/glyph"):
        client.images.generate(prompt="Draw")
    with pytest.raises(NotFoundError, match="makes no speech"):
        client.audio.speech.create(input="Hello", model="kit", voice="any")
    with pytest.raises(NotFoundError, match="makes no video"):
        client.videos.create(prompt="Draw")


def test_pictures_are_generated_and_edited(made: OpenAI, glyph_file: Path) -> None:
    first = made.images.generate(prompt="Draw", n=2, extra_body={"seed": 1})
    linked = made.images.generate(prompt="Draw", response_format="url", size="auto")
    edited = made.images.edit(image=glyph_file, prompt="Draw", extra_body={"seed": 1})

    assert first.data
    assert linked.data
    assert edited.data
    assert len(first.data) == 2
    assert base64.b64decode(first.data[0].b64_json or "").startswith(b"GLYPH")
    assert made._client.get(linked.data[0].url or "").content.startswith(b"GLYPH")
    assert edited.data[0].b64_json != first.data[0].b64_json  # what was shown shines through
    with pytest.raises(BadRequestError, match="size is not supported"):
        made.images.generate(prompt="Draw", size="1024x1024")
    with pytest.raises(BadRequestError, match="mask"):
        made.images.edit(image=glyph_file, mask=glyph_file, prompt="Draw")


def test_texts_and_media_are_embedded(client: OpenAI, pipeline: Pipeline, glyph_file: Path) -> None:
    packed = base64.b64encode(glyph_file.read_bytes()).decode()
    part: Any = {"type": "input_glyph", "input_glyph": {"data": packed}}

    found = client.embeddings.create(model="kit", input=["Hello", part])  # base64 on the way
    plain = client.embeddings.create(model="kit", input="Hello", encoding_format="float")

    wanted = [pipeline.embed("Hello"), pipeline.embed(glyph_file)]
    assert [one.embedding for one in found.data] == [
        pytest.approx(one.vector, abs=1e-6) for one in wanted
    ]
    assert plain.data[0].embedding == pytest.approx(wanted[0].vector)
    assert found.usage.prompt_tokens == sum(one.tokens for one in wanted)
    with pytest.raises(BadRequestError):
        client.embeddings.create(model="kit", input="")
    with pytest.raises(BadRequestError, match="dimensions is not supported"):
        client.embeddings.create(model="kit", input="x", dimensions=3)


def test_text_is_spoken(made: OpenAI) -> None:
    spoken = made.audio.speech.create(input="Hello", model="kit", voice="any")

    assert spoken.content.startswith(b"GLYPH")
    assert spoken.response.headers["content-type"] == "application/x-glyph"


def test_video_is_a_job(made: OpenAI) -> None:
    video = made.videos.create(prompt="Draw", extra_body={"seed": 1})
    seen = {video.status}
    until = time.monotonic() + 30
    while video.status not in ("completed", "failed"):
        assert time.monotonic() < until
        time.sleep(0.02)
        video = made.videos.retrieve(video.id)
        seen.add(video.status)

    assert video.status == "completed"
    assert video.progress == 100
    assert seen - {"completed"}
    assert made.videos.download_content(video.id).content.startswith(b"GLYPH")
    assert [one.id for one in made.videos.list().data] == [video.id]
    made.videos.delete(video.id)
    with pytest.raises(NotFoundError):
        made.videos.retrieve(video.id)


def test_video_that_is_not_there_yet_says_so(studio: Pipeline, serve: Callable[..., Any]) -> None:
    served = serve(studio, at_once=1)
    client = served.client()
    first, second = (client.videos.create(prompt="Draw") for _ in range(2))

    with pytest.raises(ConflictError, match=r"is (queued|in_progress)"):
        client.videos.download_content(second.id)
    for video in (second, first):
        client.videos.delete(video.id)
    until = time.monotonic() + 10
    while served.service.queue.under_way:
        assert time.monotonic() < until
        time.sleep(0.02)
