"""Perplexity of a system beside its bare language model, on a tiny one."""

from __future__ import annotations

from math import exp
from pathlib import Path

import pytest
import torch

from nextgpt_core.evaluation.perplexity import perplexities, ratio, surprise
from nextgpt_core.evaluation.run import evaluate
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry import MediaPart, Message, RequestError
from nextgpt_registry.suites import AtMost, Suite

DIALOGUES = [
    (Message("user", (f"What is {n}?",)), Message("assistant", (f"It is {n} and more.",)))
    for n in range(4)
]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return SystemKit(tmp_path).pipeline()


def test_signal_rows_take_their_share_of_the_probability(pipeline: Pipeline) -> None:
    found = perplexities(pipeline.system, DIALOGUES)

    value, low, high = found["ratio"]
    assert found["n"] == 4
    assert value == pytest.approx(found["system"] / found["base"], abs=2e-4)
    assert low <= value <= high
    assert value >= 1


def test_more_rows_only_ever_take_probability(pipeline: Pipeline) -> None:
    model = pipeline.system.model
    prompt = pipeline.system.composer.compose(DIALOGUES[0], feature_tokens={}, answer=False)

    bare = surprise(model.backbone, prompt)
    with_rows = surprise(model.backbone, prompt, torch.zeros_like(model.rows.output))

    assert with_rows > bare


def test_only_the_words_of_answers_count(pipeline: Pipeline) -> None:
    """Neither the user's words nor the end of the turn."""
    composer = pipeline.system.composer

    found = perplexities(pipeline.system, DIALOGUES)

    assert found["tokens"] == sum(len(composer.answer_ids(answer)) for _, answer in DIALOGUES)


def test_the_base_is_the_language_model_alone(pipeline: Pipeline) -> None:
    model = pipeline.system.model
    user, answer = DIALOGUES[0]
    prompt = pipeline.system.composer.compose((user, answer), feature_tokens={}, answer=False)
    ids = pipeline.system.composer.answer_ids(answer)
    start = next(n for n, label in enumerate(prompt.labels) if label >= 0)

    found = perplexities(pipeline.system, DIALOGUES[:1])

    whole = model.backbone.model(input_ids=torch.tensor([prompt.ids])).logits[0].log_softmax(-1)
    likely = [float(whole[start + n - 1, token]) for n, token in enumerate(ids)]
    assert found["base"] == pytest.approx(exp(-sum(likely) / len(ids)), rel=1e-3)


def test_the_ratio_of_hand_worked_sums() -> None:
    value, low, high = ratio([3.0, 5.0], [2.0, 4.0], [10, 10])

    assert value == pytest.approx(exp(0.1))
    assert (low, high) == pytest.approx((value, value))  # both dialogues agree


def test_dialogues_that_differ_make_the_ratio_less_sure() -> None:
    value, low, high = ratio([4.0, 4.0], [2.0, 4.0], [10, 10])

    # residuals +1 and -1: se = sqrt(2 / 1 * 2) / 20 = 0.1
    assert value == pytest.approx(exp(0.1))
    assert high == pytest.approx(exp(0.1 + 1.96 * 0.1), rel=1e-3)
    assert low == pytest.approx(exp(0.1 - 1.96 * 0.1), rel=1e-3)


def test_dialogues_with_media_are_refused(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match="holds media"):
        perplexities(pipeline.system, [(Message("user", (MediaPart("glyph", glyph()),)),)])


def test_a_suite_of_dialogues_alone_is_reported_with_its_goal(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    goals = {"perplexity/ratio": AtMost(0.5)}
    suite = Suite("perplexity", (), goals=goals, dialogues=DIALOGUES)

    found = evaluate(pipeline, suite, limit=2, out=tmp_path / "out").figures

    assert found["perplexity"]["n"] == 2
    assert found["goals"]["perplexity/ratio"]["at"] == "most"
    assert found["goals_missed"] == ["perplexity/ratio"]
    assert "Perplexity of answers" in (tmp_path / "out" / "index.html").read_text()
