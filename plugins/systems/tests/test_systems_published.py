"""The README's table of published and built sizes is the plans', and the two agree."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from nextgpt_registry.plan import make_plan
from nextgpt_registry.targets import missing

README = Path(__file__).parents[1] / "README.md"
ROW = re.compile(r"^\| `(nextgpt-\S+)` \| `(\S+)` \| ([\d.]+) ([MB])(, rounded)? \| (.+) \|$", re.M)
UNIT = {"M": 10**6, "B": 10**9}

pytestmark = pytest.mark.skipif(
    bool(missing(["imagebind.models.imagebind_model"])),
    reason="the package imagebind is not installed",
)


@cache
def sizes(system: str) -> dict[str, int]:
    return {part.name: part.parameters for part in make_plan(system).parts}


@pytest.mark.parametrize("row", ROW.findall(README.read_text("utf-8")), ids=lambda row: row[1])
def test_built_sizes_are_the_published_ones(row: tuple[str, ...]) -> None:
    system, part, published, unit, rounded, built = row
    counts = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]+\d", built)]
    digit = UNIT[unit] / 10 ** len(published.partition(".")[2])

    said = sum(counts) / digit
    cut = round(said) if rounded else int(said)

    assert counts[0] == sizes(system)[part]
    assert cut * digit == pytest.approx(float(published) * UNIT[unit])


def test_the_table_is_there() -> None:
    assert len(ROW.findall(README.read_text("utf-8"))) == 11


SCRIPTS = {  # what each code base's own script sets: inference.py and the demo, predict.py
    "nextgpt-7b-v0": (
        {"max_tokens": 246, "temperature": 0.4, "top_p": 1.0, "stop": ("\n###", "###")},
        {"image": (50, 7.5), "video": (50, 7.5, 24, 320, 576), "audio": (50, 7.5, 9.0)},
    ),
    "nextgpt-7b-v1.5": (
        {"max_tokens": 512, "temperature": 0.0, "top_p": 1.0, "stop": ()},  # greedy: its top_k is 1
        {"image": (50, 7.5), "video": (50, 7.5, 16, 320, 576), "audio": (50, 7.5, 5.0)},
    ),
}


@pytest.mark.parametrize("system", SCRIPTS)
def test_an_answer_is_drawn_as_the_published_scripts_do(system: str) -> None:
    generation, decoders = SCRIPTS[system]

    config = make_plan(system).config

    assert {name: getattr(config.generation, name) for name in generation} == generation
    for channel, values in decoders.items():
        assert tuple(config.modalities[channel].decoder.options.values()) == values
