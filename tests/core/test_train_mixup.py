"""Mixup: who is mixed with whom, what a mixture reads as, and what it is worth."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nextgpt_core.compose import Prompt
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.train.cache import TensorCache
from nextgpt_core.train.data import Example
from nextgpt_core.train.forward import forward
from nextgpt_core.train.losses import Objective
from nextgpt_core.train.media import Composing, encoder_features, project_features
from nextgpt_core.train.mixup import UNMIXED, Mixture, mixture
from nextgpt_core.train.settings import RunSettings
from nextgpt_registry import MediaPart, Turn

NO_CACHE = {"memory_bytes": 1 << 20, "disk_bytes": 0}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return SystemKit(tmp_path).pipeline()


def asked(pipeline: Pipeline, *glyphs: int, drawn: int | None = None) -> Prompt:
    """A prompt that shows glyphs; its answer is words, and perhaps another glyph."""
    parts = [MediaPart("glyph", glyph(n), caption=f"glyph {n}") for n in glyphs]
    answer = [] if drawn is None else [MediaPart("glyph", glyph(drawn), caption=f"glyph {drawn}")]
    composing = Composing(pipeline.system, TensorCache(None, **NO_CACHE))
    words = f"It is number {sum(glyphs)}."
    return composing((Turn("user", (*parts, "What is it?")), Turn("assistant", (words, *answer))))


def test_prompts_that_show_media_alike_are_mixed_in_pairs(pipeline: Pipeline) -> None:
    shown = [asked(pipeline, n) for n in range(6)]
    two = [asked(pipeline, 10, 11), asked(pipeline, 12, 13)]

    mixed = mixture([*shown, *two], 0.4, seed=3)

    assert mixed == mixture([*shown, *two], 0.4, seed=3)
    assert mixed != mixture([*shown, *two], 0.4, seed=4)
    assert set(mixed.weights) == set(range(8))
    assert sum(mixed.weights.values()) == pytest.approx(8)
    for key, (other, share) in mixed.media.items():
        assert mixed.media[other] == (key, pytest.approx(1 - share))
    first, second = (slot.key for slot in two[0].features)
    assert mixed.media[first][0] == two[1].features[0].key
    assert mixed.media[second][0] == two[1].features[1].key
    assert mixed.weights[6] == pytest.approx(2 * mixed.media[first][1])


def test_what_has_no_partner_stays_as_it_is(pipeline: Pipeline) -> None:
    alone, twice = asked(pipeline, 1), asked(pipeline, 2)
    nothing, drawing = asked(pipeline), asked(pipeline, 3, drawn=4)

    assert mixture([alone, twice, twice, nothing, drawing], 0.4, seed=0) == UNMIXED


def test_a_mixture_is_projected_from_both_media(pipeline: Pipeline) -> None:
    system, cache = pipeline.system, TensorCache(None, **NO_CACHE)
    slots = [slot for n in range(3) for slot in asked(pipeline, n).features]
    a, b, c = (slot.key for slot in slots)

    found = project_features(system, cache, slots, mixed={a: (b, 0.75), b: (a, 0.25)})

    x_NTW = torch.stack(encoder_features(system, cache, "glyph", [s.media for s in slots])).float()
    wanted = system.model.project_in("glyph", 0.75 * x_NTW[:1] + 0.25 * x_NTW[1:2])[0]
    torch.testing.assert_close(found[a], wanted)
    torch.testing.assert_close(found[b], wanted)
    torch.testing.assert_close(found[c], project_features(system, cache, slots)[c])


def test_each_answer_of_a_mixture_counts_by_its_share(pipeline: Pipeline) -> None:
    system, cache = pipeline.system, TensorCache(None, **NO_CACHE)
    objective = Objective(system, cache, RunSettings(parts=("input",)))
    prompts = [asked(pipeline, 1), asked(pipeline, 200), asked(pipeline)]
    examples = [Example((), prompt) for prompt in prompts]
    shares = objective.shares([examples])

    with torch.no_grad():
        plain = objective(examples, shares, seed=5)
        told = objective(examples, shares, seed=5, mixup=0.4)
        mixed = mixture(prompts, 0.4, seed=5)
        total = by_hand(pipeline, cache, prompts, mixed)

    assert shares["text"] == sum(label != -100 for p in prompts for label in p.labels)
    assert told.parts["text"] == pytest.approx(total / shares["text"], rel=1e-4)
    assert told.parts["text"] != pytest.approx(plain.parts["text"], rel=1e-4)


def by_hand(pipeline: Pipeline, cache: TensorCache, prompts: list[Prompt], mixed: Mixture) -> float:
    """The weighted sum of each prompt's own losses, one after the other."""
    slots = [slot for prompt in prompts for slot in prompt.features]
    features = project_features(pipeline.system, cache, slots, mixed=mixed.media)
    return sum(
        mixed.weights.get(place, 1.0)
        * forward(pipeline.system.model, [prompt], features).losses_N.sum().item()
        for place, prompt in enumerate(prompts)
    )
