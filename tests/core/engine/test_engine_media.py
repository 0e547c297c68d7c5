"""Decoders beside the language model: calls that are shared, that fail, that are elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from nextgpt_core import (
    Answer,
    FailedMedia,
    MediaDone,
    MediaFailed,
    MediaStarted,
    Pipeline,
    Text,
    TextDelta,
)
from nextgpt_core.assembly.components import LiveDecoder
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.protocols import DecodeBatch

Scripted = Callable[..., list[Any]]
pytestmark = pytest.mark.timeout(120)


def painter(pipeline: Pipeline) -> Any:
    return pipeline.engine.shared.workers["glyph"]


def test_decoder_works_while_the_model_writes_on(scripted: Scripted, pipeline: Pipeline) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    events = scripted(
        pipeline,
        [5, first, *[6] * 60],
        max_tokens=100,
        decoder_options={"glyph": {"steps": 2, "step_s": 0.001}},
    )
    kinds = [type(event) for event in events]

    assert kinds.index(MediaDone) < len(kinds) - 1 - kinds[::-1].index(TextDelta)


def test_groups_of_one_answer_share_a_call(pipeline: Pipeline) -> None:
    slowly = {"glyph": {"step_s": 0.1}}

    pipeline.chat("hello", require={"glyph": 4}, max_tokens=1, decoder_options=slowly)

    assert sum(painter(pipeline).batches) == 4
    assert len(painter(pipeline).batches) < 4


def test_concurrent_requests_share_calls(pipeline: Pipeline) -> None:
    options: Any = {"require": {"glyph": 1}, "decoder_options": {"glyph": {"step_s": 0.05}}}
    alone = [pipeline.chat(f"hello {n}", seed=n, **options) for n in range(6)]
    painter(pipeline).batches.clear()

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(pipeline.chat, f"hello {n}", seed=n, **options) for n in range(6)]
    together = [one.result() for one in asked]

    assert sum(painter(pipeline).batches) == 6
    assert max(painter(pipeline).batches) > 1
    for one, other in zip(alone, together, strict=True):
        assert one.ids == other.ids
        assert _distance(one, other) <= 2


def test_deterministic_requests_are_byte_equal_whatever_else_goes_on(pipeline: Pipeline) -> None:
    def ask(seed: int, *, deterministic: bool) -> Answer:
        return pipeline.chat(
            ["hello", glyph(1), glyph(2)],
            seed=seed,
            deterministic=deterministic,
            temperature=0.7,
            require={"glyph": 2},
        )

    quiet = [ask(n, deterministic=True) for n in range(3)]
    with ThreadPoolExecutor(6) as pool:
        noise = [pool.submit(ask, n, deterministic=False) for n in range(3)]
        busy = [pool.submit(ask, n, deterministic=True) for n in range(3)]

    assert all(one.result() for one in noise)
    for one, other in zip(quiet, (o.result() for o in busy), strict=True):
        assert one.ids == other.ids
        assert [m.media for m in one.media] == [m.media for m in other.media]


@pytest.mark.parametrize("fail", ["raise", "shape", "count"])
def test_decoder_that_fails_costs_its_media_only(
    scripted: Scripted, pipeline: Pipeline, fail: str
) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    words = pipeline.system.composer.tokenize("ab")
    events = scripted(pipeline, [*words, first, *words], decoder_options={"glyph": {"fail": fail}})
    answer = events[-1].answer

    assert [type(part) for part in answer.parts] == [Text, FailedMedia, Text]
    assert any(isinstance(event, MediaFailed) for event in events)
    assert "toy/painter" in str(answer.failures[0].error)
    assert pipeline.chat("hello", require={"glyph": 1}).media  # and the next request is fine


def test_decoder_in_a_process_of_its_own(kit: SystemKit) -> None:
    inline = kit.pipeline().chat("hello", require={"glyph": 1}, deterministic=True)
    with kit.pipeline("modalities.glyph.decoder.executor=process") as pipeline:
        answer = pipeline.chat("hello", require={"glyph": 1}, deterministic=True)
        dead = pipeline.chat(
            "hello", require={"glyph": 1}, decoder_options={"glyph": {"fail": "exit"}}
        )
        after = pipeline.chat("hello", require={"glyph": 1}, deterministic=True)

    assert answer.media[0].media == after.media[0].media == inline.media[0].media
    assert isinstance(dead.failures[0].error, DecodeError)
    assert dead.text == answer.text


def test_caption_route_needs_no_trained_projection(scripted: Scripted, kit: SystemKit) -> None:
    with kit.pipeline("modalities.glyph.decoder.route=caption") as pipeline:
        component, captions = pipeline.system.decoders["glyph"].component, []
        targets = component.caption_targets

        def watching(given: Any) -> Any:
            captions.extend(given)
            return targets(given)

        component.caption_targets = watching
        first = pipeline.system.model.vocabulary.block("glyph").first
        words = pipeline.system.composer.tokenize("Well. A red cat. Shall I go on?")
        events = scripted(pipeline, [*words, first, first])

    answer = events[-1].answer
    assert captions == ["A red cat.", "hello"]  # the user's words where the model wrote none
    assert [made.prompt for made in answer.media] == captions
    assert [e.prompt for e in events if isinstance(e, MediaStarted)] == captions


def test_decoder_takes_the_latest_medium_first(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline:
        seen: list[Any] = []
        decoder = pipeline.system.decoders["glyph"].component
        decode = decoder.decode

        def watching(batch: DecodeBatch) -> Any:
            seen.append(batch.taken)
            return decode(batch)

        decoder.decode = watching
        history = (
            Message("user", ("look", MediaPart("glyph", glyph(1)), MediaPart("glyph", glyph(2)))),
            Message("assistant", (MediaPart("glyph", glyph(3)),)),
        )
        pipeline.chat(["again", glyph(4)], history=history, require={"glyph": 1}, max_tokens=1)

    assert seen[0] == [[glyph(4), glyph(3), glyph(2), glyph(1)]]


def test_workers_are_shared_by_channels_with_one_decoder(kit: SystemKit) -> None:
    more = SystemKit(
        kit.folder,
        channels={**kit.channels, "other": {**kit.channels["glyph"], "modality": "glyph"}},
    )
    with more.pipeline() as pipeline:
        workers = pipeline.engine.shared.workers
        answer = pipeline.chat("hi", require={"glyph": 1, "other": 1})

        assert workers["glyph"] is workers["other"]
        assert isinstance(workers["glyph"].executor, LiveDecoder)
        assert {made.channel for made in answer.media} == {"glyph", "other"}


def _distance(one: Answer, other: Answer) -> int:
    pairs = zip(one.media, other.media, strict=True)
    return max(int(np.abs(_grey(a.media) - _grey(b.media)).max()) for a, b in pairs)


def _grey(media: Media) -> Any:
    return media.data.astype(int)
