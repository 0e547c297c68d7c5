"""The audio plugin costs little to declare, and exports what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import nextgpt_audio
from nextgpt_audio import plugin


def test_public_names_are_sorted_and_there() -> None:
    assert nextgpt_audio.__all__ == ["AUDIO", "from_array", "read"]
    assert all(getattr(nextgpt_audio, name) for name in nextgpt_audio.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        nextgpt_audio.nothing  # noqa: B018


def test_the_readme_names_every_component_with_its_sizes() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    manifest = plugin.nextgpt_manifest()

    for encoder in manifest.encoders:
        most = "at most " if encoder.varying else ""
        assert f"| `{encoder.name}` | {most}{encoder.tokens} x {encoder.width} |" in readme
    for component in manifest.encoders:
        assert f"| {component.parameters:,} | {component.licence} |" in readme
