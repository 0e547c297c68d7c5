"""The twin of every shipped system learns in each stage and answers in all of its modalities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from nextgpt_core import Pipeline
from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.assembly.stages import STAGES
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.system import System
from nextgpt_core.training.folder import RunFolder
from nextgpt_core.training.settings import RunSettings
from nextgpt_core.training.stage import Stage
from nextgpt_core.training.start import for_training
from nextgpt_registry import Catalog, MediaPart, Message, PlanError, resolve
from nextgpt_registry.configfile import Loaded, load_config
from nextgpt_registry.plan import make_plan
from nextgpt_registry.targets import missing
from nextgpt_registry.targets import resolve as resolve_target
from nextgpt_systems.plugin import nextgpt_manifest
from nextgpt_systems.twin import write_twin

SYSTEMS = [system.name for system in nextgpt_manifest().systems]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # of diffusers

RUN = {
    "steps": 2,
    "batch": 3,
    "window": 1,
    "lr": 0.01,
    "samples": 0,
    "validate_on": 0,
    "precision": "fp32",
    "denoising": 1.0,
}


class Pairs:
    """Dialogues without an end: a medium and its words, one way and the other."""

    def __init__(self, system: System) -> None:
        self.plan = system.plan
        self.samples = {
            name: resolve_target(channel.modality.sample or "")
            for name, channel in system.plan.channels.items()
        }

    def __getitem__(self, number: int) -> Sequence[Message]:
        rng = Random(number)
        ways = [
            (name, bool(side))
            for name, channel in self.plan.channels.items()
            for side, there in ((1, channel.encoder), (0, channel.decoder))
            if there
        ]
        name, reads = ways[number % len(ways)]
        medium = self.samples[name](rng.randrange(3))
        if reads:
            return (
                Message("user", (MediaPart(name, medium), "What is it?")),
                Message("assistant", ("It is a bell.",)),
            )
        made = MediaPart(name, medium, caption="a bell")
        return Message("user", ("Make a bell.",)), Message("assistant", ("Here: ", made))


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> System:
    """A live twin, as training has it."""
    name: str = request.param
    if name != "nextgpt-modern" and missing(["imagebind.models.imagebind_model"]):
        pytest.skip("the package imagebind is not installed")
    path = write_twin(name, tmp_path_factory.mktemp("twin") / "system")
    loaded = load_config(path)
    config = for_training(loaded.config, RunSettings.model_validate(RUN))
    catalog = Catalog.discover(config.plugins)
    return assemble(resolve(Loaded(config, loaded.base, name), catalog), catalog)


def train(system: System, stage: str, folder: Path) -> Mapping[str, float]:
    settings = RunSettings.model_validate({**RUN, "parts": STAGES[stage]})
    cache = TensorCache(folder / "cache", memory_bytes=1 << 26, disk_bytes=1 << 26)
    with RunFolder(folder / stage) as run:
        return Stage(system, Pairs(system), settings, run, cache=cache).loop().train()


def copied(system: System) -> dict[str, dict[str, Tensor]]:
    parts = system.model.state_by_part()
    return {part: {n: t.clone() for n, t in tensors.items()} for part, tensors in parts.items()}


def moved(before: Mapping[str, Mapping[str, Tensor]], system: System) -> Iterator[str]:
    for part, tensors in system.model.state_by_part().items():
        for name, tensor in tensors.items():
            if not torch.equal(tensor, before[part][name]):
                yield name.partition(".")[0] if part.startswith("project.") else part


@pytest.mark.slow
def test_every_stage_trains_what_the_paper_says(system: System, tmp_path: Path) -> None:
    for stage, parts in STAGES.items():
        before = copied(system)

        values = train(system, stage, tmp_path)

        assert all(torch.tensor(list(values.values())).isfinite())
        assert set(moved(before, system)) == set(parts), stage


@pytest.mark.slow
def test_the_twin_answers_any_to_any(system: System) -> None:
    channels = system.plan.channels
    makes = [name for name, channel in channels.items() if channel.decoder]
    given: list[Any] = ["What are these?"]
    for name, channel in channels.items():
        if channel.encoder:
            given.append((name, resolve_target(channel.modality.sample or "")(0)))

    with Pipeline(system, untrained=True) as pipeline:
        answer = pipeline.chat(
            given, require=dict.fromkeys(makes, 1), max_tokens=4, max_media=len(makes)
        )

    assert not answer.failures
    assert sorted(made.channel for made in answer.media) == sorted(makes)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_twin_has_the_names_of_its_system(name: str, tmp_path: Path) -> None:
    if name != "nextgpt-modern" and missing(["imagebind.models.imagebind_model"]):
        pytest.skip("the package imagebind is not installed")

    twin, whole = make_plan(write_twin(name, tmp_path / "twin")), make_plan(name)

    assert twin.facts.layers == whole.facts.layers
    assert twin.facts.family == whole.facts.family
    assert [part.name for part in twin.parts] == [
        part.name for part in whole.parts if part.name != "vocabulary"
    ]
    for channel, wanted in whole.channels.items():
        found = twin.channels[channel]
        assert found.output == wanted.output or found.output.kind == wanted.output.kind
        assert found.decoder == wanted.decoder or found.decoder.spec == wanted.decoder.spec


def test_a_licence_must_be_accepted_before_assembly_and_not_before_planning() -> None:
    plan = make_plan("nextgpt-7b-v0")

    assert {p.path for p in plan.unaccepted} >= {"llm.licence", "modalities.image.encoder"}
    with pytest.raises(PlanError, match=r"CC-BY-NC-SA-4\.0 forbids commercial use"):
        assemble(plan, Catalog.discover(plan.config.plugins))
