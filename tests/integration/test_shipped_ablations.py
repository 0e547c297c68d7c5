"""The ablations that plugins ship: they can be read, and each of their variants plans."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nextgpt_core.ablate.axes import read_axes
from nextgpt_core.ablate.chain import chains
from nextgpt_registry import Catalog, load_config, resolve

SYSTEMS = [
    name for name in sorted(Catalog.discover().systems) if load_config(name).config.ablations
]


@pytest.mark.parametrize("name", SYSTEMS)
def test_shipped_ablations_plan(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path))
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")
    loaded = load_config(name)
    axes = read_axes(loaded.base / str(loaded.config.ablations))
    catalog = Catalog.discover(loaded.config.plugins)

    found = chains(loaded, axes, steps=10, measured_by=[])

    for chain in found:
        for one in (*(link.loaded for link in chain.links), chain.asked):
            assert resolve(one, catalog).channels
    assert axes.suite in loaded.config.suites
    # What is the system as it is stands on each axis, and is one chain.
    [[_, times]] = Counter(chain.key for chain in found).most_common(1)
    assert times == len(axes.axes)
