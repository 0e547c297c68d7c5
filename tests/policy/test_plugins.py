"""What holds for the plugins of this repository alike: their exports, and what their pages say."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
EXPORTS = {
    "audio": ["AUDIO", "from_array", "read"],
    "boxes": ["BOXES", "Box", "Boxes", "Picture", "of_media", "overlay", "to_media"],
    "diffusers": ["PIPELINES", "describe"],
    "image": ["IMAGE", "from_array", "read"],
    "video": ["VIDEO", "from_array", "read"],
}


@pytest.mark.parametrize("name", EXPORTS)
def test_public_names_are_those_promised_and_there(name: str) -> None:
    package = import_module(f"nextgpt_{name}")

    assert package.__all__ == EXPORTS[name]
    assert all(getattr(package, one) is not None for one in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["audio", "image", "video"])
def test_the_readme_names_every_encoder_with_its_sizes(name: str) -> None:
    readme = (PLUGINS / name / "README.md").read_text("utf-8")

    for encoder in import_module(f"nextgpt_{name}.plugin").nextgpt_manifest().encoders:
        most = "at most " if encoder.varying else ""
        assert f"| `{encoder.name}` | {most}{encoder.tokens} x {encoder.width} |" in readme
        assert f"| {encoder.parameters:,} | {encoder.licence} |" in readme
