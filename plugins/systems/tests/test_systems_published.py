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
