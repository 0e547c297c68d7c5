"""Every project of the repository allows the same versions of a package, and names the oldest."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def ranges() -> Any:
    path = Path(__file__).with_name("ranges.py")
    spec = importlib.util.spec_from_file_location("ranges", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_package_has_one_range_in_all_projects(ranges: Any) -> None:
    """Whoever installs two of them gets what both were tested with."""
    differing = {
        name: {project: str(wanted) for project, wanted in found.items()}
        for name, found in ranges.ranges().items()
        if len(set(found.values())) > 1
    }

    assert not differing


def test_every_range_says_where_it_begins(ranges: Any) -> None:
    open_ended = {
        name
        for name, found in ranges.ranges().items()
        if not all(map(ranges.lowest, found.values()))
    }

    assert not open_ended


def test_what_setup_installs_is_within_every_range(ranges: Any) -> None:
    pinned = ranges.pins()

    outside = {
        name: pinned[name]
        for name, found in ranges.ranges().items()
        if name in pinned and not all(pinned[name] in wanted for wanted in found.values())
    }

    assert not outside


def test_the_lowest_end_is_exact_and_keeps_the_pins_of_tools(ranges: Any) -> None:
    lines = list(ranges.constraints("lowest"))

    assert f"torch=={ranges.pins()['torch']}" in lines
    assert f"pytest=={ranges.pins()['pytest']}" in lines
    assert "transformers==5.18" in lines
    assert len({line.partition("==")[0] for line in lines}) == len(lines)
