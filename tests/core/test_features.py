"""One path from media to features, whoever asks."""

from __future__ import annotations

import pytest
import torch

from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry import MediaPart, Message


def test_training_reads_the_features_that_answers_read_in_half_precision(kit: SystemKit) -> None:
    asked = [Message("user", tuple(MediaPart("glyph", glyph(n)) for n in (1, 2, 1)))]
    with kit.pipeline() as pipeline, torch.no_grad():
        system, calls = pipeline.system, pipeline.system.encoders["glyph"].calls
        found = {}
        for training in (False, True):
            features = Features(system, TensorCache(memory_bytes=1 << 20), training=training)
            reading = features.reading(alone=True)
            prompt = system.composer.compose(asked, feature_tokens=reading.positions(asked))
            found[training] = reading.projected(prompt.features)
            assert (reading.encoded, features.cache.asked, features.cache.made) == (2, 2, 2)

    assert system.encoders["glyph"].calls - calls == 4  # each medium once, alone, for either
    assert found[True].keys() == found[False].keys()
    for key, x_TD in found[False].items():
        torch.testing.assert_close(found[True][key], x_TD, rtol=2e-3, atol=2e-3)
        assert not torch.equal(found[True][key], x_TD)


def test_a_reading_that_nobody_waits_for_encodes_nothing(kit: SystemKit) -> None:
    def check() -> None:
        raise TimeoutError

    with kit.pipeline() as pipeline:
        encoder = pipeline.system.encoders["glyph"]
        reading = pipeline.engine.shared.features.reading(check=check)
        reading.features.fixed.clear()  # as where lengths vary, and are found by encoding

        with pytest.raises(TimeoutError):
            reading.positions([Message("user", (MediaPart("glyph", glyph(7)),))])

    assert (encoder.calls, reading.encoded) == (0, 0)
