"""What training keeps of media and beginnings is that of one encoder, one decoder, one medium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.training.forward import Starts, forward
from nextgpt_core.training.media import Composing, caption_targets
from nextgpt_registry import MediaPart, Message

SHOWN = MediaPart("glyph", glyph(1))


@pytest.fixture
def cache() -> TensorCache:
    return TensorCache(None, memory_bytes=1 << 20, disk_bytes=0)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Pipeline, Pipeline]]:
    """Two systems, whose encoders and decoders are not equally precise."""
    exact = [f"modalities.glyph.{side}.dtype=float64" for side in ("encoder", "decoder")]
    with ExitStack() as open_ones:
        kit = SystemKit(tmp_path)
        yield (
            open_ones.enter_context(kit.pipeline()),
            open_ones.enter_context(kit.pipeline(*exact)),
        )


def test_features_are_kept_by_their_encoder(
    both: tuple[Pipeline, Pipeline], cache: TensorCache
) -> None:
    for pipeline in (*both, *both):
        prompt = Composing(pipeline.system, cache)([Message("user", (SHOWN,))])
        Features(pipeline.system, cache, training=True).reading().projected(prompt.features)

    assert cache.made == 2


def test_caption_targets_are_kept_by_their_decoder(
    both: tuple[Pipeline, Pipeline], cache: TensorCache
) -> None:
    for pipeline in (*both, *both):
        decoder = pipeline.system.decoders["glyph"]
        caption_targets(decoder, cache, ["a cat"], torch.device("cpu"))

    assert cache.made == 2


def test_a_beginning_with_a_medium_is_of_that_medium(
    both: tuple[Pipeline, Pipeline], cache: TensorCache
) -> None:
    system, starts = both[0].system, Starts()
    composing = Composing(system, cache)

    found = []
    for number in (1, 2):
        shown = MediaPart("glyph", glyph(number))
        prompts = [
            composing((Message("user", (shown, "Name it.")), Message("assistant", (name,))))
            for name in ("A cat.", "A dog.")
        ]
        slots = [slot for prompt in prompts for slot in prompt.features]
        features = Features(system, cache, training=True).reading().projected(slots)
        with torch.no_grad():
            alike = forward(system.model, prompts, features, starts=starts)
            alone = forward(system.model, prompts, features)
        found.append((alike.losses_N, alone.losses_N))

    for with_starts, without in found:
        torch.testing.assert_close(with_starts, without, rtol=1e-4, atol=1e-4)
