"""The boxes plugin costs little to declare, and is what it says."""

from __future__ import annotations

import tomllib
from pathlib import Path

from nextgpt_boxes import plugin

HERE = Path(__file__).parents[1]


def test_the_readme_names_the_decoder_with_its_sizes() -> None:
    readme = (HERE / "README.md").read_text("utf-8")

    [decoder] = plugin.nextgpt_manifest().decoders
    [condition] = decoder.conditions
    row = (
        f"| `{decoder.name}` | {decoder.signals} | `text` {condition.tokens} x {condition.width} |"
    )
    assert f"{row} {decoder.parameters:,} | {decoder.licence} |" in readme


def test_the_weights_of_the_plugin_are_small() -> None:
    weights = sum(path.stat().st_size for path in HERE.glob("nextgpt_boxes/weights/*.safetensors"))

    assert 1_500_000 < weights < 3_000_000


def test_what_runs_in_a_system_needs_nothing_of_the_world() -> None:
    """Only the extra `train` brings it; the import contracts hold the code to that."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]

    assert not [one for one in project["dependencies"] if "world" in one]
    assert any("world" in one for one in project["optional-dependencies"]["train"])
