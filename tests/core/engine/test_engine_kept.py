"""Whose features, prefixes and calls a request may take, and which of them are let go of first."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import MANIFEST, ToyPlugin
from nextgpt_core.testing.toy_parts import Painter, RowEncoder
from nextgpt_registry import hookimpl
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.specs import Manifest

pytestmark = pytest.mark.timeout(120)


def test_a_deterministic_request_takes_no_prefix_and_shares_no_call(pipeline: Pipeline) -> None:
    talk: Any = {"require": {"glyph": 3}, "deterministic": True}

    answers = [pipeline.chat("hello", **talk) for _ in range(2)]

    assert [answer.timings.reused_tokens for answer in answers] == [0, 0]
    assert list(pipeline.engine.shared.workers["glyph"].batches) == [1] * 6


def test_features_are_those_of_one_encoder(kit: SystemKit) -> None:
    exact = {"modality": "glyph", "encoder": {"name": "rows", "dtype": "float64"}}
    both = SystemKit(kit.folder, channels={**kit.channels, "exact": exact})
    with both.pipeline() as pipeline:
        asked = [("glyph", glyph(1)), ("exact", glyph(1)), ("glyph", glyph(1))]

        answers = [pipeline.chat([part], max_tokens=1) for part in asked]

    assert [answer.timings.encoded_media for answer in answers] == [1, 1, 0]


class Varying(ToyPlugin):
    """The toy plugin, whose encoder may give fewer tokens."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        """Its declaration."""
        rows = MANIFEST.encoders[0].model_copy(update={"varying": True})
        return MANIFEST.model_copy(update={"encoders": (rows,)})


def test_features_of_varying_lengths_are_made_alone_and_serve_everybody(kit: SystemKit) -> None:
    varying = SystemKit(kit.folder, plugins={"toy": Varying()})
    with varying.pipeline() as pipeline:
        media = [glyph(1), glyph(2)]

        encoded = [
            pipeline.chat(media, deterministic=alone, max_tokens=1).timings.encoded_media
            for alone in (False, True)
        ]

    assert encoded == [2, 0]


def test_one_medium_in_company_is_alone_and_serves_everybody(pipeline: Pipeline) -> None:
    encoded = [
        pipeline.chat([glyph(1)], deterministic=alone, max_tokens=1).timings.encoded_media
        for alone in (False, True)
    ]

    assert encoded == [1, 0]


def test_requests_that_show_one_medium_at_once_encode_it_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding, forward = threading.Event(), RowEncoder.forward

    def slowly(self: RowEncoder, x_BTD: torch.Tensor) -> torch.Tensor:
        encoding.set()
        time.sleep(0.3)
        return forward(self, x_BTD)

    monkeypatch.setattr(RowEncoder, "forward", slowly)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(pipeline.chat, [glyph(1)], max_tokens=1)
        assert encoding.wait(60)
        second = pool.submit(pipeline.chat, [glyph(1), "too"], max_tokens=1)

    assert [one.result().timings.encoded_media for one in (first, second)] == [1, 0]


def test_another_medium_after_the_same_words_is_read(pipeline: Pipeline) -> None:
    words = "look at this " * 20

    first, other = (pipeline.chat([words, glyph(n)], max_tokens=1) for n in (1, 2))

    assert other.timings.encoded_media == 1
    assert first.timings.reused_tokens == 0 < other.timings.reused_tokens


def test_a_pass_that_failed_half_way_leaves_a_usable_prefix(pipeline: Pipeline) -> None:
    whole = pipeline.chat("hello there", max_tokens=12)
    [*_, last] = pipeline.system.model.backbone.model.model.layers

    def fail(*given: Any) -> None:
        raise RuntimeError("half-way")

    hook = last.self_attn.o_proj.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="half-way"):
        pipeline.chat("hello there, again")
    hook.remove()
    again = pipeline.chat("hello there", max_tokens=12)

    assert again.timings.reused_tokens > 0
    assert again.ids == whole.ids


def test_media_of_one_answer_are_drawn_from_seeds_of_their_own(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    decode = Painter.decode

    def watching(self: Painter, batch: DecodeBatch) -> Any:
        seeds.extend(generator.initial_seed() for generator in batch.generators)
        return decode(self, batch)

    monkeypatch.setattr(Painter, "decode", watching)
    for seed in (1, 1, 2):
        pipeline.chat("hello", require={"glyph": 3}, seed=seed)

    assert len(set(seeds[:3])) == 3
    assert sorted(seeds[:3]) == sorted(seeds[3:6])
    assert set(seeds[:3]).isdisjoint(seeds[6:])
