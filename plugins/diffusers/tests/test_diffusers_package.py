"""The diffusers plugin exports what it says, and its pages name all that it has."""

from __future__ import annotations

from pathlib import Path

from nextgpt_diffusers.decoders import DECODERS
from nextgpt_diffusers.pipelines import PIPELINES

ROOT = Path(__file__).parents[3]


def test_the_readme_names_every_component_with_its_sizes() -> None:
    readme = (ROOT / "plugins" / "diffusers" / "README.md").read_text("utf-8")

    for decoder in DECODERS:
        if decoder.describe:
            assert f"| `{decoder.name}` |" in readme
            continue
        takes = ", ".join(f"`{c.name}` {c.tokens} x {c.width}" for c in decoder.conditions)
        assert f"| {decoder.signals} | {takes} |" in readme
        assert f"| {decoder.parameters:,} | {decoder.licence} |" in readme


def test_the_how_to_names_every_pipeline_that_is_known() -> None:
    page = (ROOT / "docs" / "how-to" / "use-a-diffusers-pipeline.md").read_text("utf-8")

    assert [name for name in PIPELINES if f"| `{name}`" not in page] == []
