"""Ablations on a tiny system: every variant trained and measured once, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nextgpt_core.ablate import run as ablating
from nextgpt_core.ablate.axes import Ablations, narrowed, read_axes
from nextgpt_core.ablate.run import ablate
from nextgpt_core.ablate.table import cells, columns, markdown, write
from nextgpt_core.evaluation.scores import Result
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry import ConfigError, MediaPart, Message, NextGPTError
from nextgpt_registry.configfile import load_config
from nextgpt_registry.suites import Expected, Prompt, Suite


class Drawings:
    """Dialogues without an end: words to glyphs."""

    def __getitem__(self, number: int) -> Sequence[Message]:
        word = Random(number).choice(("cat", "drum"))
        made = MediaPart("glyph", None, caption=word)
        return (Message("user", (f"Draw {word}.",)), Message("assistant", ("Here: ", made)))


def suite() -> Suite:
    prompts = [
        Prompt(f"draw/{n}", "text->glyph", (Expected("glyph"),), (Message("user", ("Draw.",)),))
        for n in range(3)
    ]
    prompts.append(
        Prompt(
            "tell/0",
            "glyph->text",
            (Expected("text"),),
            (Message("user", (MediaPart("glyph", glyph(1)), "What?")),),
        )
    )
    return Suite("toy", prompts)


AXES = """
suite: toy
steps: 2
limit: 2
stages: [encode, {stage: decode, share: 2}]
columns: {makes: "text->*/structure", tells: "*->text/structure"}
axes:
  signals:
    "1": {set: [modalities.glyph.signals=1]}
    "3": {}
  route:
    embedding: {}
    caption: {asked: [modalities.glyph.decoder.route=caption]}
  stage order:
    as it is: {}
    joint: {stages: [{stage: instruct, share: 3, set: [lr=0.002]}]}
"""
RUN = {"batch": 2, "window": 1, "workers": 0, "samples": 0, "validate_on": 2, "precision": "fp32"}


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A loaded config with data for all stages and a suite, its catalog, and the axes above."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    data = {"target": f"{__name__}:Drawings", "run": RUN}
    made = SystemKit(tmp_path)
    builder = made.builder.llm(made.llm, lora={"r": 2, "targets": ["q_proj"]}).set(
        training=dict.fromkeys(("encode", "decode", "instruct"), data),
        suites={"toy": {"target": f"{__name__}:suite"}},
    )
    path = tmp_path / "axes.yaml"
    path.write_text(AXES)
    return load_config(builder.config()), builder.catalog, read_axes(path)


def test_every_variant_is_trained_and_measured_once(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    train = ablating.train

    def counted(loaded: Any, catalog: Any, stage: str, **options: Any) -> Any:
        trained.append(stage)
        return train(loaded, catalog, stage, **options)

    monkeypatch.setattr(ablating, "train", counted)
    lines: list[str] = []
    rows = ablate(*kit, tmp_path / "out", say=lines.append)
    first = list(trained)

    again = ablate(*kit, tmp_path / "out")

    assert [(row["axis"], row["variant"]) for row in rows] == [
        ("signals", "1"),
        ("signals", "3"),
        ("route", "embedding"),
        ("route", "caption"),
        ("stage order", "as it is"),
        ("stage order", "joint"),
    ]
    # The system as it is once, though it stands on each axis; the caption route needs no new run
    # but finds those of the other, which end at once.
    assert first == [*["encode", "decode"] * 3, "instruct"]
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 5
    assert [row["steps"] for row in rows] == [6] * 6
    assert all(set(row["figures"]) == {"makes", "tells"} for row in rows)
    assert "validation.alignment" in rows[0]["validation"]
    assert trained == first
    assert again == rows
    assert any("left)" in line for line in lines)


def test_number_of_signals_is_what_a_variant_says(kit: Any, tmp_path: Path) -> None:
    loaded, catalog, axes = kit
    ablate(loaded, catalog, narrowed(axes, ["signals"]), tmp_path / "out")

    locks = (tmp_path / "out" / "runs").glob("*/nextgpt.lock.json")
    counts = {json.loads(path.read_text())["signals"]["blocks"][0]["count"] for path in locks}
    assert counts == {1, 3}


def test_a_wrong_variant_is_told_before_any_is_trained(kit: Any, tmp_path: Path) -> None:
    loaded, catalog, axes = kit
    told = axes.model_dump()
    told["axes"]["signals"]["0"] = {"set": ["modalities.glyph.output_projection=lineer"]}

    with pytest.raises(NextGPTError, match="lineer"):
        ablate(loaded, catalog, Ablations.model_validate(told), tmp_path / "out")

    assert not (tmp_path / "out" / "runs").exists()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("structure", "structrue", "structrue"),
        ("steps: 2", "stepz: 2", "stepz"),
        ("suite: toy", "suite: [", "is no YAML"),
    ],
)
def test_wrong_axes_are_told(tmp_path: Path, before: str, after: str, told: str) -> None:
    path = tmp_path / "axes.yaml"
    path.write_text(AXES.replace(before, after, 1))

    with pytest.raises(ConfigError, match=told):
        read_axes(path)


def test_an_axis_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "axes.yaml"
    path.write_text(AXES)

    with pytest.raises(ConfigError, match="signals"):
        narrowed(read_axes(path), ["signal"])


def result(direction: str, group: str, *, concept: bool | None) -> Result:
    """With no more in it than a column reads."""
    return Result.model_construct(direction=direction, group=group, concept=concept, skipped="")


def test_columns_average_what_their_patterns_fit() -> None:
    results = [
        result("text->glyph", "cat", concept=True),
        result("text->glyph", "dog", concept=False),
        result("glyph->text", "cat", concept=True),
        result("text->text", "0", concept=None),
    ]

    found = columns(results, {"makes": "text->*/concept", "tells": "*->text/concept"})

    assert found["makes"] is not None
    assert found["tells"] is not None
    assert (found["makes"][0], found["tells"][0]) == (0.5, 1.0)
    assert columns(results, {"none": "smell->*/concept"}) == {"none": None}


def test_a_table_has_a_row_for_each_variant(tmp_path: Path) -> None:
    row = {
        "axis": "route",
        "variant": "caption",
        "steps": 6,
        "minutes": 0.5,
        "prompts": 2,
        "validation": {"validation.text": 0.25, "validation.loss": 1.0},
        "figures": {"makes": [0.5, 0.1, 0.9], "tells": None},
    }

    paths = write([row], tmp_path, title="Toy")

    assert cells([row])[1] == ("route", "caption", "50 (10-90)", "", "0.25", "6", "0.5", "2")
    assert "| route | caption | 50 (10-90) |" in markdown([row], title="Toy")
    assert json.loads((tmp_path / "ablations.json").read_text()) == [row]
    assert all(path.stat().st_size for path in paths)
