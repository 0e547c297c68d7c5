"""Benchmarks: their form, on tiny systems. How fast anything is, is for people to read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
import torch

from nextgpt_core import Pipeline, bench
from nextgpt_core.benchmark.children import Child
from nextgpt_core.benchmark.original import Original
from nextgpt_core.benchmark.rows import Pair, alternating
from nextgpt_core.benchmark.twin import plain_twin
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.errors import ConfigError, NextGPTError, RequestError

pytestmark = pytest.mark.timeout(120)
STANDARD = """
goals: {"*": 1e9, "text.*": {most: 1e9}, text.step: {most: 1e-9}}
reference: {glyph: {steps: 6}}
interleaved: {parts: hello, require: {glyph: 3}, max_tokens: 4}
"""


@pytest.fixture(scope="module")
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    path = kit.folder / "benchmark.yaml"
    path.write_text(STANDARD)
    with kit.pipeline(f"benchmark={path}") as pipeline:
        yield pipeline


def test_sides_take_turns_in_turn() -> None:
    ran: list[str] = []

    def side(name: str, value: float) -> tuple[float]:
        ran.append(name)
        return (value,)

    rounds = alternating(lambda: side("ours", 2.0), lambda: side("other", 1.0))
    pairs: list[tuple[Pair, ...]] = [tuple(next(rounds)) for _ in range(3)]

    assert pairs == [((2.0, 1.0),)] * 3
    assert ran[2:] == ["ours", "other", "other", "ours", "ours", "other"]


def test_every_figure_of_a_live_system_is_measured_and_written(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    found = bench(pipeline, quick=True, out=tmp_path / "out")

    told = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    drawn = ElementTree.parse(tmp_path / "out" / "benchmark.svg").getroot()
    page = (tmp_path / "out" / "benchmark.md").read_text()
    assert told == found.to_json()
    assert set(told) == {"system", "machine", "rows", "left_out"}
    assert [row["name"] for row in told["rows"]] == [
        *("text.clients", "text.generate-1", "text.generate-8", "text.step", "mixed.clients"),
        *("interleaved.first", "interleaved.last", "waiting.prompt"),
        *("seen.glyph", "decode.glyph", "alike.glyph"),
    ]
    for row in told["rows"]:
        assert row["ratio"] > 0
        assert row["spread"][0] <= row["ratio"] <= row["spread"][1]
        assert row["goal"] is not None
        assert row["what"] in "".join(drawn.itertext())
        assert f"| {row['name']} |" in page
    assert set(told["left_out"]) == {"start", "batch"}


def test_goals_are_the_last_that_fit_and_may_be_the_most(pipeline: Pipeline) -> None:
    found = bench(pipeline, only=["text", "alike"], quick=True)

    goals = {row["name"]: (row["goal"], row["reached"]) for row in found.to_json()["rows"]}
    assert goals == {
        "text.clients": ({"most": 1e9}, True),
        "text.generate-1": ({"most": 1e9}, True),
        "text.generate-8": ({"most": 1e9}, True),
        "text.step": ({"most": 1e-9}, False),
        "alike.glyph": (1e9, False),
    }


def test_components_are_measured_where_they_are_named(pipeline: Pipeline) -> None:
    found = bench(pipeline, only=["components"], quick=True)

    assert [row.figure.name for row in found.rows] == [
        f"components.{name}.{batch}"
        for name in ("llm", "encoder.glyph", "decoder.glyph")
        for batch in (2, 4, 8)
    ]
    assert found.left_out == {}


def test_what_a_system_lacks_is_left_out_with_the_reason(kit: SystemKit) -> None:
    with Pipeline(kit.builder.build(untrained=True).system) as untrained:
        found = bench(untrained, only=["mixed", "decode", "interleaved", "seen"], quick=True)

    assert found.rows == ()
    assert set(found.left_out) == {"mixed", "interleaved", "seen.glyph", "decode.glyph"}
    assert "reference.glyph" in found.left_out["decode.glyph"]


def test_order_of_the_original_changes_no_answer(pipeline: Pipeline) -> None:
    asked = ["look", pipeline.read(glyph(3)), "and draw"]
    options = {"require": {"glyph": 2}, "seed": 4}

    ours = pipeline.chat(asked, **options)
    with Original(pipeline) as original:
        other = original.chat(asked, **options)
        again = original.chat(asked, **options)

    assert other.ids == ours.ids
    for own, theirs in zip(ours.media, other.media, strict=True):
        assert (own.media.data == theirs.media.data).all()
    assert again.timings.reused_tokens == 0
    assert again.timings.encoded_media == 1
    assert pipeline.chat("it goes on").ids


def test_twin_has_the_weights_of_the_system(pipeline: Pipeline) -> None:
    backbone = pipeline.system.model.backbone
    ids = torch.tensor([[5, 6, 7, 8]])

    twin = plain_twin(backbone)

    with torch.no_grad():
        own = backbone.logits(backbone.run(backbone.embed(ids)).final_BTD)
        torch.testing.assert_close(twin(ids).logits, own)
    assert twin.config._attn_implementation == "sdpa"


def test_process_ends_with_the_one_who_watches_it() -> None:
    with Child((sys.executable, "-c", "import time; time.sleep(60)")) as child:
        held = next(child.watched())

    assert held > 0
    assert not psutil.pid_exists(child.pid)


def test_process_that_fails_is_told_with_what_it_said() -> None:
    command = (sys.executable, "-P", "-c", "raise SystemExit('no such thing')", "run", "kit")

    with Child(command) as child, pytest.raises(RequestError, match="run kit: ended with 1: no "):
        list(child.watched())


@pytest.mark.parametrize(
    "given",
    [
        {"only": "text"},
        {"only": [5]},
        {"minutes": 0},
        {"minutes": float("nan")},
        {"out": "/proc/a"},
        {"progress": 5},
        {"only": ["text.step"], "overrides": "generation.max_tokens=5"},
    ],
)
def test_benchmark_that_cannot_be_is_refused(pipeline: Pipeline, given: dict[str, str]) -> None:
    overrides = [given.pop("overrides")] if "overrides" in given else []

    with pytest.raises(NextGPTError):
        bench(pipeline, *overrides, quick=True, **given)


def test_a_name_that_nothing_has_is_told_with_those_there_are(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match=r"did you mean 'text\.clients'"):
        bench(pipeline, only=["text.klients"])


def test_standard_with_wrong_keys_is_refused(kit: SystemKit, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("gaols: {}\n")

    with (
        kit.pipeline(f"benchmark={tmp_path / 'wrong.yaml'}") as pipeline,
        pytest.raises(ConfigError, match="gaols"),
    ):
        bench(pipeline)
