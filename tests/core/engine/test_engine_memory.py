"""What a system keeps between requests is bounded, however many there were."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Any

import pytest
import torch
from cachetools import LRUCache

from nextgpt_core import FailedMedia, Pipeline
from nextgpt_core.testing import glyph
from nextgpt_registry.errors import RequestError

pytestmark = pytest.mark.timeout(120)


def cached_bytes(pipeline: Pipeline) -> int:
    """The keys and values that are really there."""
    kept = pipeline.engine.shared.prefixes._kept
    tensors = [t for prefix in kept for layer in prefix.cache.layers for t in vars(layer).values()]
    return sum(t.untyped_storage().nbytes() for t in tensors if isinstance(t, torch.Tensor))


def test_many_short_prompts_keep_no_more_than_fifty(pipeline: Pipeline) -> None:
    pool, sizes = pipeline.engine.shared.prefixes, []

    for number in range(200):
        pipeline.chat(f"{number} is a number", max_tokens=2)
        sizes.append(pool.size)
        assert pool.size == cached_bytes(pipeline)

    assert len(pool) == 32
    assert max(sizes[50:]) <= 1.05 * sizes[49]


@pytest.mark.parametrize(
    "parts", [["a" * 100_000], ["a" * 12_500] * 8, ["\N{PARTY POPPER}" * 70_000]]
)
def test_text_that_cannot_fit_is_not_cut_into_tokens(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, parts: list[str]
) -> None:
    composer, asked = pipeline.system.composer, []
    monkeypatch.setattr(composer, "compose", lambda *a, **o: asked.append(a))

    with pytest.raises(RequestError, match=r"has \d+,000 characters of text.* reads 1024 tokens"):
        pipeline.chat(parts)

    assert asked == []


def test_feature_cache_counts_what_is_allocated(pipeline: Pipeline) -> None:
    cache = pipeline.engine.shared.features.cache

    pipeline.chat([glyph(n) for n in range(20)])

    assert cache.size == sum(x.untyped_storage().nbytes() for x in cache._memory.values())


def test_lengths_of_media_are_forgotten(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = pipeline.engine.shared.features
    monkeypatch.setattr(shared, "_counts", LRUCache(3))
    shared.fixed.clear()  # as where an encoder's lengths vary

    answers = [pipeline.chat([glyph(n) for n in range(5)]) for _ in range(2)]

    assert len(shared._counts) == 3
    assert answers[0].ids == answers[1].ids


def test_worker_holds_nothing_of_its_last_call(pipeline: Pipeline) -> None:
    answer = pipeline.chat("draw", require={"glyph": 1})
    made = weakref.ref(answer.media[0].media)

    del answer
    deadline = time.monotonic() + 10  # its thread may still be on its way out of the call
    while made() is not None and time.monotonic() < deadline:
        gc.collect()

    assert made() is None


def test_failed_medium_holds_no_frames(pipeline: Pipeline) -> None:
    options: dict[str, Any] = {"decoder_options": {"glyph": {"fail": "raise"}}}

    answer = pipeline.chat("draw", require={"glyph": 1}, **options)

    (failed,) = answer.failures
    assert isinstance(failed, FailedMedia)
    assert failed.error.__traceback__ is None
    assert failed.error.__cause__ is not None
    assert failed.error.__cause__.__traceback__ is None
