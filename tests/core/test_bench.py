"""Benchmarks: their form, on tiny systems. How fast anything is, is for people to read."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nextgpt_core import Pipeline, bench
from nextgpt_core.benchmark.rows import Pair, alternating
from nextgpt_core.testing import SystemKit
from nextgpt_registry.errors import NextGPTError, RequestError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def pipeline(kit: SystemKit) -> Pipeline:
    with kit.pipeline() as pipeline:
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


def test_figures_are_written_as_json_and_as_a_picture(pipeline: Pipeline, tmp_path: Path) -> None:
    found = bench(pipeline, only=["text"], quick=True, out=tmp_path / "out")

    told = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    drawn = ElementTree.parse(tmp_path / "out" / "benchmark.svg").getroot()
    assert told == found.to_json()
    assert set(told) == {"system", "machine", "rows", "left_out"}
    assert [row["name"] for row in told["rows"]] == [
        *("text.clients", "text.generate-1", "text.generate-8", "text.step")
    ]
    for row in told["rows"]:
        assert row["ratio"] > 0
        assert row["spread"][0] <= row["ratio"] <= row["spread"][1]
        assert (row["goal"], row["reached"]) == (None, None)
    assert all(row.figure.what in "".join(drawn.itertext()) for row in found.rows)


@pytest.mark.parametrize(
    "given",
    [
        {"only": ["text.klients"]},
        {"only": "text"},
        {"only": [5]},
        {"minutes": 0},
        {"minutes": float("nan")},
        {"out": "/proc/a"},
        {"progress": 5},
    ],
)
def test_benchmark_that_cannot_be_is_refused(pipeline: Pipeline, given: dict[str, object]) -> None:
    with pytest.raises(NextGPTError):
        bench(pipeline, quick=True, **given)


def test_a_name_that_nothing_has_is_told_with_those_there_are(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match=r"did you mean 'text\.clients'"):
        bench(pipeline, only=["text.klients"])
