"""Matching: input projections taught by the captions of what is shown, without a language model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.training.start import TrainingResult, train
from nextgpt_registry import MediaPart, Message, TrainingError
from nextgpt_registry.configfile import load_config

WORDS = ("circle", "square", "star", "cross")
Train = Callable[..., TrainingResult]


class Shown:
    """A glyph with its caption, asked about."""

    def __getitem__(self, number: int) -> Sequence[Message]:
        which = number % len(WORDS)
        part = MediaPart("glyph", glyph(which), caption=f"a {WORDS[which]}")
        return Message("user", (part, "What is it?")), Message("assistant", (f"A {WORDS[which]}.",))


class Mixed(Shown):
    """Every second dialogue shows nothing."""

    def __getitem__(self, number: int) -> Sequence[Message]:
        if number % 2:
            return Message("user", ("Hello there.",)), Message("assistant", ("Hello.",))
        return super().__getitem__(number)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))

    def run(*overrides: str, shown: type = Shown, out: str = "run", **given: Any) -> TrainingResult:
        kit = SystemKit(tmp_path)
        settings = {
            "parts": ["input", "output"],
            "text": 0.0,
            "matching": 1.0,
            "batch": 4,
            "window": 2,
            "lr": 0.02,
            "log_every": 1,
            "samples": 0,
            "validate_on": 4,
            **given,
        }
        data = {"target": f"{__name__}:{shown.__name__}", "run": settings}
        builder = kit.builder.set(training={"match": data})
        glyphs = "modalities.glyph"
        loaded = load_config(
            builder.config(),
            [f"{glyphs}.output_projection=query", *(f"{glyphs}.{o}" for o in overrides)],
        )
        return train(loaded, builder.catalog, "match", out=tmp_path / out)

    return run


def test_media_are_matched_with_captions_and_no_language_model_runs(
    run: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: Any, **options: Any) -> Any:
        raise AssertionError("the language model ran")

    monkeypatch.setattr("nextgpt_core.training.losses.forward", never)

    first = run(steps=1).values["matching"]
    last = run(steps=40).values["matching"]

    assert 0 < last < 0.3 * first


def test_a_step_in_many_passes_is_worth_what_it_is_in_one_with_its_weight(run: Train) -> None:
    still = {"steps": 1, "lr": 1e-30, "weight_decay": 0.0, "precision": "fp32"}
    whole = run(**still, matching=2.0).values

    cut = run(out="cut", **still, matching=2.0, pass_tokens=1).values

    assert whole["loss"] == pytest.approx(2 * whole["matching"])
    assert cut["matching"] == pytest.approx(whole["matching"], rel=1e-4)


def test_a_pass_that_shows_nothing_adds_nothing(run: Train) -> None:
    assert run(shown=Mixed, steps=2, window=1, pass_tokens=1).values["matching"] > 0


def test_a_projection_for_a_fixed_number_of_signals_cannot_match(run: Train) -> None:
    with pytest.raises(TrainingError, match=r"(?s)glyph.*3 signals.*8 tokens.*query"):
        run("output_projection=linear", steps=1)


def test_nothing_to_match_with_is_an_error(run: Train) -> None:
    with pytest.raises(TrainingError, match="no channel has both"):
        run("encoder=null", parts=["output"], steps=1)
