"""Prompts that follow one another, what answers must say, and the bare language model's answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core.evaluation.choose import choose
from nextgpt_core.evaluation.run import evaluate, load_suite
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing import SystemKit
from nextgpt_registry import ConfigError, Message
from nextgpt_registry.suites import AtMost, Expected, Prompt, Suite


def prompt(name: str, said: str, **more: Any) -> Prompt:
    return Prompt(name, "talk", (Expected("text"),), (Message("user", (said,)),), **more)


TALK = [
    prompt("a/0", "One."),
    prompt("a/1", "Two.", follows="a/0"),
    prompt("a/2", "Three.", follows="a/1"),
    prompt("b", "Four."),
]


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return SystemKit(tmp_path).builder.build("generation.max_tokens=6", untrained=True)


@pytest.fixture
def heard(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[list[Message]]:
    """The conversations that the system was asked."""
    conversations: list[list[Message]] = []
    ask = pipeline.ask

    def noted(messages: Sequence[Message], **options: Any) -> Any:
        conversations.append(list(messages))
        return ask(messages, **options)

    monkeypatch.setattr(pipeline, "ask", noted)
    return conversations


def test_a_prompt_goes_on_from_the_system_s_own_answer(
    pipeline: Pipeline, heard: list[list[Message]], tmp_path: Path
) -> None:
    found = evaluate(pipeline, Suite("talk", TALK), out=tmp_path / "out")

    texts = {result.id: result.text for result in found.results}
    [last] = [asked for asked in heard if asked[-1].text == "Three."]
    assert [message.text.strip() for message in last] == [
        *("One.", texts["a/0"], "Two.", texts["a/1"], "Three."),
    ]
    assert [len(asked) for asked in heard if asked[-1].text == "Four."] == [1]


def test_a_conversation_that_was_broken_off_is_asked_from_its_beginning(
    pipeline: Pipeline, heard: list[list[Message]], tmp_path: Path
) -> None:
    whole = evaluate(pipeline, Suite("talk", TALK[:3]), out=tmp_path / "whole")
    heard.clear()

    first = evaluate(pipeline, Suite("talk", TALK[:3]), limit=2, out=tmp_path / "out")
    rest = evaluate(pipeline, Suite("talk", TALK[:3]), out=tmp_path / "out")

    assert [len(asked) for asked in heard] == [1, 3, 1, 3, 5]
    assert [result.id for result in first.results] == ["a/0", "a/1"]
    assert [r.text for r in rest.results] == [r.text for r in whole.results]


def test_nothing_is_asked_after_what_cannot_be(pipeline: Pipeline, tmp_path: Path) -> None:
    smell = replace(TALK[1], expected=(Expected("smell"),))
    suite = Suite("talk", [TALK[0], smell, TALK[2], TALK[3]])

    found = evaluate(pipeline, suite, out=tmp_path / "out")

    assert {r.id: r.skipped for r in found.results if r.skipped} == {
        "a/1": "it makes no smell",
        "a/2": "it makes no smell",
    }
    again = load_suite(pipeline.config, str(found.folder / "suite.jsonl"), pipeline.system.catalog)
    assert {one.id for one in again.prompts} == {"a/0", "b"}


def test_a_limit_takes_conversations_in_their_order() -> None:
    chosen = [one.id for one in choose(TALK)]

    assert chosen in (["a/0", "a/1", "a/2", "b"], ["b", "a/0", "a/1", "a/2"])
    assert [one.id for one in choose(TALK, 3)] == chosen[:3]


@pytest.mark.parametrize("follows", ["b", "a/0", "nobody"])
def test_a_prompt_follows_one_before_it_that_nothing_else_follows(follows: str) -> None:
    prompts = [*TALK[:2], prompt("c", "Five.", follows=follows)]

    with pytest.raises(ConfigError, match=f"follows '{follows}'"):
        choose(prompts)


def test_what_must_and_must_not_be_said_is_scored_and_shown(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    heard = evaluate(pipeline, Suite("talk", TALK[:1]), out=tmp_path / "first").results[0].text
    word = heard.split()[0]
    prompts = [
        prompt("a/0", "One.", says=((word,),), family="same"),
        prompt("never", "One.", never=("lengthy", "zebra*"), family="same"),
        prompt("missing", "One.", says=(("zebra", "horse"),)),
    ]

    found = evaluate(pipeline, Suite("said", prompts), out=tmp_path / "out")

    by_id = {result.id: result for result in found.results}
    assert {name: result.said for name, result in by_id.items()} == {
        "a/0": True,
        "never": True,
        "missing": False,
    }
    assert by_id["missing"].unsaid == ("zebra | horse",)
    assert by_id["a/0"].group == "same"
    assert found.figures["directions"]["talk"]["said"][0] == 0.5  # of two families
    page = (found.folder / "index.html").read_text()
    assert "1 of 3 wrong" in page
    assert "does not say zebra | horse" in page
    assert page.index('class="item wrong"') < page.index('class="item"')


def test_the_bare_language_model_is_asked_as_well(pipeline: Pipeline, tmp_path: Path) -> None:
    goals = {"baseline/length": 0.0, "baseline/loops": AtMost(1.0)}
    suite = Suite("talk", [TALK[0], TALK[3]], goals=goals, baseline=("talk",))

    found = evaluate(pipeline, suite, out=tmp_path / "out")

    beside = found.figures["baseline"]
    assert beside["n"] == found.figures["perplexity"]["n"] == 2
    assert beside["length"][0] == pytest.approx(
        beside["system"]["length"] / beside["base"]["length"], abs=1e-3
    )
    assert set(found.figures["goals"]) == {"baseline/length", "baseline/loops"}
    lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    assert all(json.loads(line)["bare"] for line in lines)
    assert "bare language model" in (found.folder / "index.html").read_text()
    assert evaluate(pipeline, suite, out=tmp_path / "out").figures == found.figures
