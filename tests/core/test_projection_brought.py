"""A kind of projection that a plugin brings is planned, built, trained, saved and loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from nextgpt_core import Pipeline
from nextgpt_core.project import build_input
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.training.start import train
from nextgpt_registry import (
    Catalog,
    Manifest,
    MediaPart,
    Message,
    PlanError,
    PluginError,
    make_plan,
)
from nextgpt_registry.configfile import load_config
from nextgpt_registry.specs import Condition, Projection
from nextgpt_registry.testing import ProjectionTests

HERE = __name__


class PairOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = 2


class Pairs(nn.Module):
    """(B, T, W) -> (B, ceil(T / count), D): one token for each few, in their order."""

    def __init__(self, options: PairOptions, *, tokens: int, width_in: int, width_llm: int) -> None:
        super().__init__()
        self.count = options.count
        self.fc = nn.Linear(options.count * width_in, width_llm)

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        if mask_BT is not None:
            x_BTW = x_BTW * mask_BT[..., None]
        padded = nn.functional.pad(x_BTW, (0, 0, 0, -x_BTW.shape[1] % self.count))
        return self.fc(padded.unflatten(1, (-1, self.count)).flatten(2))


class Mean(nn.Module):
    """(B, S, D) -> each condition: the same vector at all its places."""

    def __init__(
        self, options: BaseModel, *, width_llm: int, signals: int, conditions: Sequence[Condition]
    ) -> None:
        super().__init__()
        self.conditions = conditions
        self.heads = nn.ModuleDict({c.name: nn.Linear(width_llm, c.width) for c in conditions})

    def forward(self, x_BSD: Tensor) -> dict[str, Tensor]:
        mean_B1D = x_BSD.mean(1, keepdim=True)
        return {
            c.name: self.heads[c.name](mean_B1D).expand(-1, c.tokens, -1) for c in self.conditions
        }


def pairs_shapes(options: PairOptions, *, tokens: int, width_in: int, width_llm: int) -> Any:
    return {"fc.weight": (width_llm, options.count * width_in), "fc.bias": (width_llm,)}


def pairs_tokens(options: PairOptions, tokens: int) -> int:
    return math.ceil(tokens / options.count)


def mean_shapes(
    options: BaseModel, *, width_llm: int, signals: int, conditions: Sequence[Condition]
) -> Any:
    weights = {f"heads.{c.name}.weight": (c.width, width_llm) for c in conditions}
    return weights | {f"heads.{c.name}.bias": (c.width,) for c in conditions}


PAIRS = Projection(
    name="pairs",
    side="input",
    target=f"{HERE}:Pairs",
    shapes=f"{HERE}:pairs_shapes",
    tokens=f"{HERE}:pairs_tokens",
    options=f"{HERE}:PairOptions",
)
MEAN = Projection(name="mean", side="output", target=f"{HERE}:Mean", shapes=f"{HERE}:mean_shapes")
BRINGS = Manifest(api="1.0", summary="maps", license="MIT", projections=(PAIRS, MEAN))
CHANNEL: Mapping[str, Any] = {
    "encoder": "rows",
    "decoder": "painter",
    "input_projection": {"kind": "pairs", "options": {"count": 3}},
    "output_projection": "mean",
}


class TestBrought(ProjectionTests):
    plugin = "brings"

    @classmethod
    def catalog(cls) -> Catalog:
        return Catalog.of({"brings": BRINGS})


class Drawings:
    def __getitem__(self, number: int) -> Sequence[Message]:
        part = MediaPart("glyph", glyph(number), caption=f"{number} dogs")
        return Message("user", (part, "Draw it.")), Message("assistant", ("Here: ", part))

    def __len__(self) -> int:
        return 2


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SystemKit:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    plugins = {"toy": ToyPlugin(), "brings": BRINGS}
    return SystemKit(tmp_path, plugins=plugins, channels={"glyph": CHANNEL})


def test_it_is_planned_by_what_it_declares(kit: SystemKit) -> None:
    plan = make_plan(kit.builder.config(), catalog=kit.builder.catalog)

    made, width = plan.channels["glyph"], plan.facts.width
    assert made.input is not None
    assert (made.input.tokens_in, made.input.tokens) == (8, 3)
    assert made.input.parameters == 3 * 12 * width + width
    assert made.output is not None
    assert made.output.parameters == 12 * width + 12


def test_it_is_trained_saved_and_loaded(kit: SystemKit, tmp_path: Path) -> None:
    parts = ["input", "output", "signals"]
    run = {"steps": 1, "batch": 2, "window": 1, "samples": 0, "validate_on": 0, "parts": parts}
    stages = {"instruct": {"target": f"{HERE}:Drawings", "run": run}}
    builder = kit.builder.set(training=stages)
    catalog = builder.catalog

    trained = train(load_config(builder.config()), catalog, "instruct", out=tmp_path / "run")
    with builder.build(untrained=True) as pipeline:
        pipeline.system.model.load_by_part(trained.parts)
        saved = pipeline.save(tmp_path / "saved")

    with Pipeline.from_pretrained(saved, catalog=catalog) as again:
        held = again.system.model.inputs["glyph"].state_dict()
        for name, tensor in trained.parts["project.glyph"].items():
            if name.startswith("input."):
                assert torch.equal(held[name.removeprefix("input.")], tensor)
        assert again.chat(["a", glyph(1)], max_tokens=2).finish


def test_a_kind_that_is_not_loaded_lists_those_that_are(kit: SystemKit) -> None:
    config = SystemKit(kit.folder, channels={"glyph": CHANNEL}).builder.config()

    with pytest.raises(PlanError, match=r"'pairs' is no kind of projection[^$]*groupvit"):
        make_plan(config, catalog=Catalog.of({"toy": ToyPlugin()}))


def test_wrong_options_are_told_with_their_path(kit: SystemKit) -> None:
    config = kit.builder.config("modalities.glyph.input_projection.options={counts: 3}")

    with pytest.raises(PlanError, match=r"modalities\.glyph\.input_projection\.options\.counts"):
        make_plan(config, catalog=kit.builder.catalog)


def test_a_class_that_holds_other_tensors_than_it_declares_is_refused() -> None:
    lies = PAIRS.model_copy(update={"shapes": f"{HERE}:lying_shapes"})

    with pytest.raises(PluginError, match=r"map\.fc\.weight is \(4, 12\), and .* says \(4, 6\)"):
        build_input(lies, tokens=4, width_in=6, width_llm=4)


def lying_shapes(options: PairOptions, *, tokens: int, width_in: int, width_llm: int) -> Any:
    return {"fc.weight": (width_llm, width_in), "fc.bias": (width_llm,)}


def test_a_kind_of_a_name_that_is_there_is_refused() -> None:
    linear = PAIRS.model_copy(update={"name": "linear"})

    with pytest.raises(PluginError, match="declares projections that are there: input/linear"):
        Catalog.of({"brings": BRINGS.model_copy(update={"projections": (linear,)})})
