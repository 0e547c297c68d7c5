"""`--add depth` end to end, on a tiny system: trained, saved, loaded, asked."""

from pathlib import Path

import pytest

import nextgpt_depth.plugin
from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit, ToyPlugin
from nextgpt_core.training.adding import add
from nextgpt_depth.files import sample
from nextgpt_registry import Catalog, MediaPart
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.configfile import load_config
from nextgpt_registry.plan import make_plan

CATALOG = Catalog.of({"toy": ToyPlugin(), "depth": nextgpt_depth.plugin})
STAGES = {
    "depth-match": "depth->text",
    "depth-encode": "depth->text",
    "depth-decode": "text->depth",
    "depth-choose": "text->depth",
}
RUN = {"steps": 2, "batch": 2, "window": 2, "dialogues": 8, "samples": 0, "workers": 0}
RUN |= {"validate_on": 2, "optimizer": "adamw"}


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A saved system that knows neither depth nor pictures."""
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    with SystemKit(tmp_path).builder.build() as pipeline:
        pipeline.system.model.mark_trained(["input", "output", "signals"])
        return pipeline.save(tmp_path / "base")


def short(stage: str, direction: str) -> list[str]:
    told = [f"training.{stage}.run.{key}={value}" for key, value in RUN.items()]
    own = {"library": "samples", "directions": f"['{direction}']"}
    return [*told, *(f"training.{stage}.options.{key}={value}" for key, value in own.items())]


def test_the_joined_system_plans(base: Path) -> None:
    joined = join(load_config(base), find_offer("depth", catalog=CATALOG))

    plan = make_plan(joined.loaded, catalog=CATALOG)

    assert joined.channels == ("depth",)
    assert list(joined.stages) == list(STAGES)
    states = {part.name: part.state for part in plan.parts}
    assert (states["depth.input"], states["depth.output"]) == ("new", "new")


@pytest.mark.slow
def test_depth_is_added_to_a_trained_system(base: Path, tmp_path: Path) -> None:
    joined = join(load_config(base), find_offer("depth", catalog=CATALOG))
    told = [one for stage, direction in STAGES.items() for one in short(stage, direction)]

    added = add(joined.overridden(told), CATALOG, out=tmp_path / "with-depth")

    assert [run.folder.name for run in added.runs] == list(STAGES)
    with Pipeline.from_pretrained(added.folder, catalog=CATALOG) as pipeline:
        asked = ["What is it? Make one like it.", MediaPart("depth", sample(0))]
        [answer] = pipeline.chat(asked, require={"depth": 1}).media
    assert (answer.channel, answer.media.modality) == ("depth", "depth")
    assert answer.media.data.shape == (64, 64)
