"""Evaluation end to end on a tiny system: asked, judged, reported, gone on with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from nextgpt_core.evaluation.choose import choose
from nextgpt_core.evaluation.run import evaluate, load_suite
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry import ConfigError, Media, MediaPart, Message
from nextgpt_registry.suites import Expected, Judge, Prompt, Suite


class Words:
    """Finds the animals that a text names."""

    ceiling: Mapping[str, float] = {"animal": 1.0}

    def facts(self, answers: Sequence[str]) -> list[dict[str, str]]:
        return [{"animal": "cat"} if "cat" in answer else {} for answer in answers]


class Greys:
    """Tells light glyphs from dark ones."""

    ceiling: Mapping[str, float] = {"tone": 0.99}

    def facts(self, answers: Sequence[Media]) -> list[dict[str, str]]:
        return [{"tone": "light" if m.data.mean() > 127 else "dark"} for m in answers]


def suite(*, kind: str = "glyph", count: int = 3) -> Suite:
    def asked(number: int) -> tuple[Message, ...]:
        return (Message("user", (MediaPart("glyph", glyph(number)), "What is it?")),)

    prompts = [
        Prompt(
            id=f"draw/{number}",
            direction=f"text->{kind}",
            expected=(Expected(kind, {"tone": tone, "size": "big"}, "tone"),),
            messages=(Message("user", (f"Draw something {tone}.",)),),
        )
        for number, tone in zip(range(count), ("light", "dark") * count, strict=False)
    ]
    prompts += [
        Prompt(
            id=f"tell/{number}",
            direction="glyph->text",
            expected=(Expected("text", {"animal": "cat"}, "animal"),),
            messages=partial(asked, number),
        )
        for number in range(count)
    ]
    judges: dict[str, Judge] = {"text": Words(), "glyph": Greys()}
    return Suite("toy", prompts, judges, {"*/structure": 0.9, "text->glyph/concept": 0.0})


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    kit = SystemKit(tmp_path)
    target = f"{__name__}:suite"
    builder = kit.builder.set(suites={"toy": {"target": target}})
    return builder.build("generation.max_tokens=6", untrained=True)


def test_a_report_has_a_figure_with_its_interval_for_each_direction(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    found = evaluate(pipeline, load_suite(pipeline.config, "toy"), out=tmp_path / "out").figures

    assert set(found["directions"]) == {"text->glyph", "glyph->text"}
    for figures in found["directions"].values():
        assert figures["n"] == 3
        for metric in ("structure", "coverage", "concept"):
            value, low, high = figures[metric]
            assert 0 <= low <= value <= high <= 1
    assert found["directions"]["glyph->text"]["attributes"] is None
    assert found["judges"] == {"text": {"animal": 1.0}, "glyph": {"tone": 0.99}}
    assert found["goals"]["text->glyph/concept"]["met"]
    assert set(found["goals_missed"]) <= {"text->glyph/structure", "glyph->text/structure"}
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == found


@torch.no_grad()
def eager(pipeline: Pipeline, turns: Sequence[Message]) -> None:
    """Make the language model begin its answer to these turns with a signal."""
    model = pipeline.system.model
    prompt = pipeline.system.composer.compose(turns, feature_tokens={})
    final = model.backbone.run(model.embed(torch.tensor([prompt.ids]))).final_BTD[0, -1]
    model.rows.output[0] = final


def test_media_of_an_answer_are_judged_and_kept(pipeline: Pipeline, tmp_path: Path) -> None:
    drawn = suite(count=1).prompts[0]
    eager(pipeline, drawn.request())

    found = evaluate(pipeline, Suite("one", [drawn], suite().judges), out=tmp_path / "out")

    [result] = found.results
    made = list((tmp_path / "out" / "media").iterdir())
    assert "glyph" in result.kinds
    assert len(made) == result.kinds.count("glyph")
    assert result.judged[0] is not None
    assert result.concept == (result.judged[0]["tone"] == "light")
    assert result.attributes is False  # the judge knows nothing of sizes
    assert result.coverage == 1.0


def test_each_prompt_is_asked_with_a_seed_of_its_own(tmp_path: Path) -> None:
    same = (Message("user", ("Say something.",)),)
    prompts = [Prompt(f"say/{n}", "text->text", (Expected("text"),), same) for n in range(3)]
    hot = SystemKit(tmp_path).pipeline("generation={temperature: 1.0, max_tokens: 12}")

    found = evaluate(hot, Suite("one", prompts, {}), out=tmp_path / "out")

    assert len({result.text for result in found.results}) == 3


def test_a_fresh_evaluation_and_one_gone_on_with_are_equal(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    drawn = suite(count=1).prompts[0]
    eager(pipeline, drawn.request())
    one = Suite("one", [drawn], suite().judges)

    fresh = evaluate(pipeline, one, out=tmp_path / "out")
    again = evaluate(pipeline, one, out=tmp_path / "out")

    assert fresh.results[0].media
    assert again == fresh


def test_required_counts_are_never_passed(pipeline: Pipeline, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []
    ask = pipeline.ask

    def watched(turns: Sequence[Message], **options: Any) -> Any:
        asked.append(options)
        return ask(turns, **options)

    pipeline.ask = watched  # type: ignore[method-assign]
    evaluate(pipeline, suite(), out=tmp_path / "out")

    assert len(asked) == 6
    assert all(set(options) == {"answered", "seed"} for options in asked)


def test_what_was_asked_is_not_asked_again(pipeline: Pipeline, tmp_path: Path) -> None:
    first = evaluate(pipeline, suite(), limit=2, out=tmp_path / "out")
    lines = (tmp_path / "out" / "results.jsonl").read_text()
    (tmp_path / "out" / "results.jsonl").write_text(lines + '{"id": "tell/1", "dir')

    whole = evaluate(pipeline, suite(), out=tmp_path / "out")
    again = evaluate(pipeline, suite(), out=tmp_path / "out")

    kept = (tmp_path / "out" / "results.jsonl").read_text()
    assert kept.startswith(lines)
    assert all(result in whole.results for result in first.results)
    assert again.results == whole.results
    assert again.figures == whole.figures


def test_many_jobs_give_the_same_results(pipeline: Pipeline, tmp_path: Path) -> None:
    one = evaluate(pipeline, suite(), out=tmp_path / "one")
    two = evaluate(pipeline, suite(), out=tmp_path / "two", jobs=3)

    assert [r.judged for r in one.results] == [r.judged for r in two.results]
    assert [r.kinds for r in one.results] == [r.kinds for r in two.results]


def test_the_sheet_shows_every_prompt_with_its_answer(pipeline: Pipeline, tmp_path: Path) -> None:
    found = evaluate(pipeline, suite(), out=tmp_path / "out")

    page = (found.folder / "index.html").read_text()
    assert page.count("What is it?") == 3
    assert page.count("Draw something") == 3
    assert "tone 99.0%" in page


def test_a_direction_that_a_system_lacks_is_not_asked(pipeline: Pipeline, tmp_path: Path) -> None:
    found = evaluate(pipeline, suite(kind="smell"), out=tmp_path / "out").figures

    assert found["skipped"] == {"text->smell": "it makes no smell"}
    assert set(found["directions"]) == {"glyph->text"}
    assert found["n"] == 3


def test_facts_without_a_judge_are_an_error(pipeline: Pipeline, tmp_path: Path) -> None:
    blind = Suite("toy", suite().prompts, {"text": Words()})

    with pytest.raises(ConfigError, match="wants facts of glyph"):
        evaluate(pipeline, blind, out=tmp_path / "out")


def test_the_folder_of_another_suite_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    evaluate(pipeline, suite(), limit=1, out=tmp_path / "out")
    other = Suite("other", suite().prompts, suite().judges)

    with pytest.raises(ConfigError, match="another system or suite"):
        evaluate(pipeline, other, out=tmp_path / "out")


def test_an_unknown_suite_is_told_with_those_there_are(pipeline: Pipeline) -> None:
    with pytest.raises(ConfigError, match="its suites: toy"):
        load_suite(pipeline.config, "tpy")


def test_a_limit_spreads_over_directions_and_concepts() -> None:
    prompts = [
        Prompt(f"{d}/{c}/{n}", d, (Expected("text", {"what": c}, "what"),), ())
        for d in ("a", "b", "c")
        for c in ("x", "y")
        for n in range(4)
    ]

    small, large = choose(prompts, 6), choose(prompts, 12)

    assert sorted((p.direction, p.concept) for p in small) == sorted(
        (d, c) for d in ("a", "b", "c") for c in ("x", "y")
    )
    assert large[:6] == small
    assert len(choose(prompts)) == 24
