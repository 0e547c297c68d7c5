"""A suite written to a file and read back asks and expects the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nextgpt_core.evaluation.run import evaluate, load_suite
from nextgpt_core.evaluation.suitefile import read_suite, write_suite
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry import ConfigError, Media, MediaPart, Message
from nextgpt_registry.suites import AtMost, Expected, Named, Prompt, Suite


class Greys:
    """Tells light glyphs from dark ones, and sees their mean and spread."""

    ceiling: Mapping[str, float] = {"tone": 0.99}

    def facts(self, answers: Sequence[Media]) -> list[dict[str, str]]:
        return [{"tone": "light" if m.data.mean() > 127 else "dark"} for m in answers]

    def features(self, answers: Sequence[Media]) -> np.ndarray:
        return np.array([[m.data.mean(), m.data.std()] for m in answers], np.float32)


def glyphs() -> object:
    return lambda kind, count: [glyph(n) for n in range(count)]


JUDGE = Named(f"{__name__}:Greys")
PROMPTS = (
    Prompt(
        "draw",
        "text->glyph",
        (Expected("glyph", {"tone": "light", "size": "big"}, "tone"),),
        (Message("user", ("Draw something light.",)),),
    ),
    Prompt(
        "again",
        "glyph->glyph",
        (Expected("text"), Expected("glyph", {"tone": "dark"}, "tone")),
        (
            Message("user", ("One", MediaPart("glyph", glyph(1)), "and another?")),
            Message("assistant", ("Here: ", MediaPart("glyph", None, "a glyph"))),
            Message("user", (MediaPart("glyph", glyph(2)), MediaPart("glyph", glyph(1)), "Again?")),
        ),
    ),
    Prompt(
        "thanks",
        "glyph->glyph",
        (Expected("text"),),
        (Message("user", ("Thanks!",)),),
        says=(("welcome", "glad*"), ("you",)),
        never=("sorry",),
        optional=("glyph",),
        follows="again",
        family="manners",
    ),
)
SUITE = Suite(
    "toy",
    PROMPTS,
    {"glyph": JUDGE},
    {"*/structure": 0.9, "*/false_media": AtMost(0.01)},
    reference=Named(f"{__name__}:glyphs"),
    dialogues=((Message("user", ("Hi",)), Message("assistant", ("Hello",))),),
    baseline=("text->text",),
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return SystemKit(tmp_path).builder.build("generation.max_tokens=6", untrained=True)


def test_what_is_read_is_what_was_written(pipeline: Pipeline, tmp_path: Path) -> None:
    path = write_suite(tmp_path / "out", SUITE, SUITE.prompts, pipeline.write)
    found = read_suite(path, pipeline.system.catalog)

    assert (found.name, found.judges, found.goals) == (SUITE.name, SUITE.judges, SUITE.goals)
    assert found.reference == SUITE.reference
    assert tuple(found.dialogues) == tuple(SUITE.dialogues)
    assert found.baseline == SUITE.baseline
    for read, written in zip(found.prompts, SUITE.prompts, strict=True):
        assert read.request() == written.request()
        assert replace(read, messages=()) == replace(written, messages=())
    assert len(list((tmp_path / "out" / "asked").iterdir())) == 2  # each medium once


def test_an_evaluation_keeps_its_suite_and_the_file_asks_the_same(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    first = evaluate(pipeline, SUITE, out=tmp_path / "one")
    again = load_suite(pipeline.config, str(first.folder / "suite.jsonl"), pipeline.system.catalog)
    second = evaluate(pipeline, again, out=tmp_path / "two")

    timeless = {"seconds": 0.0}
    assert [r.model_copy(update=timeless) for r in first.results] == [
        r.model_copy(update=timeless) for r in second.results
    ]
    assert second.figures["judges"] == {"glyph": {"tone": 0.99}}
    lines = [(e.folder / "suite.jsonl").read_text() for e in (first, second)]
    assert lines[0] == lines[1]


def test_a_prompt_that_was_not_asked_is_not_in_the_file(pipeline: Pipeline, tmp_path: Path) -> None:
    smell = Prompt("smell", "text->smell", (Expected("smell"),), (Message("user", ("Smell!",)),))

    evaluate(pipeline, Suite("toy", (*PROMPTS, smell), {"glyph": JUDGE}), out=tmp_path / "out")

    lines = (tmp_path / "out" / "suite.jsonl").read_text().splitlines()
    assert [json.loads(line).get("id") for line in lines] == [None, "draw", "again", "thanks"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "is empty"),
        (["{}"], "line 1"),
        (['{"suite": "x"}', '{"id": "1"}'], "line 2"),
        (['{"suite": "x"}', "[1]"], "line 2"),
        (
            [
                '{"suite": "x"}',
                '{"id": "1", "direction": "d", "expected": [], "messages": '
                '[{"role": "user", "parts": [{"kind": "glyph", "file": "../secret"}]}]}',
            ],
            "outside the suite",
        ),
    ],
)
def test_a_file_that_is_no_suite_is_told_by_its_line(
    pipeline: Pipeline, tmp_path: Path, lines: list[str], says: str
) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_text("\n".join(lines))

    with pytest.raises(ConfigError, match=says):
        read_suite(path, pipeline.system.catalog)


def test_distances_to_real_media_stand_in_the_report(pipeline: Pipeline, tmp_path: Path) -> None:
    """Features of answers are kept, so that a second call has them without asking again."""
    from nextgpt_core.evaluation.folder import EvaluationFolder
    from nextgpt_core.evaluation.run import about_evaluation

    pytest.importorskip("torchmetrics", reason="an extra")
    judge = Greys()
    evaluate(pipeline, SUITE, out=tmp_path / "out")
    about = about_evaluation(pipeline.system.plan, SUITE)
    folder = EvaluationFolder(tmp_path / "out", about)
    for place, prompt in enumerate(PROMPTS):
        made = [glyph(100 + 5 * place + n) for n in range(5)]
        folder.add_features(prompt.id, {"glyph": judge.features(made)})

    found = evaluate(pipeline, SUITE, out=tmp_path / "out").figures["distances"]["glyph"]

    assert found["n"] == 5 * len(PROMPTS)
    assert {"frechet", "frechet_real", "kernel", "kernel_real"} < set(found)
