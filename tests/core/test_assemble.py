"""Assembly: what is shared, what is checked, what is told. The components are this file's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from nextgpt_core.assembly.components import Recipe
from nextgpt_core.testing import SystemKit, ToyPlugin, glyph
from nextgpt_core.testing.toy import MANIFEST
from nextgpt_core.testing.toy_parts import RowEncoder
from nextgpt_registry import hookimpl
from nextgpt_registry.errors import PluginError, ShapeError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Encoder, Manifest, Options

pytestmark = pytest.mark.timeout(60)


class TrunkOptions(Options):
    scale: float = 1.0


class Trunk(RowEncoder):
    """One instance may serve several channels; it sees which modality it is given."""

    made = 0

    def __init__(self, options: TrunkOptions) -> None:
        super().__init__(options)
        type(self).made += 1


class Mirrored(Trunk):
    """The same rows, last first: another view of a trunk."""

    def __init__(self, options: TrunkOptions, *, trunk: Trunk | None = None) -> None:
        torch.nn.Module.__init__(self)
        self.options = options
        self.rows = trunk.rows if trunk else Trunk(options).rows

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        return super().forward(x_BTD).flip(1)


class Wrong(RowEncoder):
    """Returns one token too many."""

    def forward(self, x_BTD: torch.Tensor) -> torch.Tensor:
        y_BTD = super().forward(x_BTD)
        return torch.cat((y_BTD, y_BTD[:, :1]), dim=1)


class Unbuildable(RowEncoder):
    def make(self) -> None:
        raise RuntimeError("these are not my sizes")


class Filed(RowEncoder):
    def load(self, paths: Any) -> None:
        assert paths["model"].is_dir()


class Watching(ToyPlugin):
    """The toy plugin with more encoders, which remembers what it is told."""

    def __init__(self) -> None:
        self.ready: list[tuple[str, str]] = []

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        def encoder(name: str, target: str, modality: str = "glyph", **more: Any) -> Encoder:
            return Encoder(name=name, modality=modality, tokens=8, width=12, target=target, **more)

        here, options = __name__, f"{__name__}:TrunkOptions"
        more = (
            encoder("left", f"{here}:Trunk", options=options, shares="trunk"),
            encoder("right", f"{here}:Trunk", options=options, shares="trunk"),
            encoder("mirrored", f"{here}:Mirrored", options=options, shares="trunk"),
            encoder("left", f"{here}:Trunk", "rune", options=options, shares="trunk"),
            encoder("wrong", f"{here}:Wrong"),
            encoder("filed", f"{here}:Filed", weights=("model",)),
            encoder("unbuildable", f"{here}:Unbuildable"),
        )
        rune = MANIFEST.modalities[0].model_copy(update={"name": "rune", "suffixes": (".rune",)})
        return MANIFEST.model_copy(
            update={
                "modalities": (*MANIFEST.modalities, rune),
                "encoders": (*MANIFEST.encoders, *more),
            }
        )

    @hookimpl
    def nextgpt_component_ready(self, kind: str, name: str, component: Any) -> None:
        self.ready.append((kind, name))


@pytest.fixture
def plugin() -> Watching:
    return Watching()


@pytest.fixture
def kit(tmp_path_factory: pytest.TempPathFactory, plugin: Watching) -> SystemKit:
    Trunk.made = 0
    return SystemKit(tmp_path_factory.mktemp("kit"), plugins={"toy": plugin})


def with_channels(kit: SystemKit, **encoders: Any) -> SystemKit:
    channels = {n: {"modality": "glyph", "encoder": e} for n, e in encoders.items()}
    return dataclasses.replace(kit, channels=channels)


def test_encoders_of_one_trunk_are_one_instance(kit: SystemKit, plugin: Watching) -> None:
    with with_channels(kit, a="left", b="right", c="left").pipeline() as pipeline:
        encoders = pipeline.system.encoders
        assert pipeline.chat([("a", glyph(1)), ("b", glyph(1)), ("c", glyph(1))]).ids

    assert Trunk.made == 1
    assert encoders["a"].component is encoders["b"].component
    assert encoders["a"].lock is encoders["b"].lock
    assert encoders["a"] is encoders["c"]
    assert encoders["b"] is not encoders["a"]  # another name: its features are its own
    assert plugin.ready == [("encoder", "left")]


def test_another_target_sees_the_same_trunk(kit: SystemKit, plugin: Watching) -> None:
    three = with_channels(kit, a="left", b="mirrored", c={"name": "mirrored"})

    with three.pipeline() as pipeline:
        encoders = pipeline.system.encoders
        [plain], [mirrored] = (encoders[name].encode([glyph(1)]) for name in "ab")

    assert Trunk.made == 1
    assert encoders["a"].component.rows is encoders["b"].component.rows
    assert encoders["b"] is encoders["c"]
    assert encoders["a"].lock is encoders["b"].lock
    assert torch.equal(plain, mirrored.flip(0))
    assert plugin.ready == [("encoder", "left"), ("encoder", "mirrored")]


def test_one_name_in_two_modalities_is_two_encoders_on_a_trunk(kit: SystemKit) -> None:
    runes = {"modality": "rune", "encoder": "left"}
    glyphs = {"modality": "glyph", "encoder": "left"}
    both = dataclasses.replace(kit, channels={"a": glyphs, "b": runes})

    with both.pipeline() as pipeline:
        encoders = pipeline.system.encoders

    assert (encoders["a"].spec.modality, encoders["b"].spec.modality) == ("glyph", "rune")
    assert encoders["a"].component is encoders["b"].component
    assert Trunk.made == 1


def test_trunk_cannot_be_shared_under_different_options(kit: SystemKit) -> None:
    other = {"name": "right", "options": {"scale": 2.0}}

    with pytest.raises(PluginError, match=r"toy/right: shares the trunk 'trunk' with toy/left"):
        with_channels(kit, a="left", b=other).pipeline()


def test_answers_build_nothing_anew(kit: SystemKit, plugin: Watching) -> None:
    with kit.pipeline() as pipeline:
        for _ in range(2):
            assert pipeline.chat("draw", require={"glyph": 1}, max_tokens=2).media

    assert plugin.ready.count(("decoder", "painter")) == 1


def test_plugins_are_told_of_what_is_ready(kit: SystemKit, plugin: Watching) -> None:
    kit.pipeline().close()

    assert plugin.ready == [("encoder", "rows"), ("decoder", "painter")]


def test_wrong_shape_names_plugin_component_found_and_declared(kit: SystemKit) -> None:
    with with_channels(kit, a="wrong").pipeline() as pipeline, pytest.raises(ShapeError) as caught:
        pipeline.chat([glyph()])

    assert str(caught.value).startswith(
        "toy/wrong: its features: found (1, 9, 12), declared (1, 8, 12)"
    )


def test_component_that_cannot_be_built_is_named(kit: SystemKit) -> None:
    with pytest.raises(PluginError, match="toy/unbuildable: cannot be built: RuntimeError: these"):
        with_channels(kit, a="unbuildable").pipeline()


def test_assembling_twice_gives_the_same_untrained_system(kit: SystemKit) -> None:
    torch.manual_seed(1)
    one = kit.pipeline().system.model.state_by_part()
    torch.manual_seed(2)
    two = kit.pipeline().system.model.state_by_part()

    assert one.keys() == two.keys()
    for part in one:
        for name, tensor in one[part].items():
            assert torch.equal(tensor, two[part][name]), f"{part}.{name}"


def test_nothing_is_to_be_trained(kit: SystemKit) -> None:
    model = kit.pipeline("llm.lora={r: 2, targets: [q_proj]}").system.model

    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_fingerprint_tells_features_apart(kit: SystemKit) -> None:
    with with_channels(kit, a={"name": "left", "options": {"scale": 1.0}}).pipeline() as pipeline:
        recipe: Recipe = pipeline.system.encoders["a"].recipe

    changed = [
        dataclasses.replace(recipe, options=TrunkOptions(scale=2.0)),
        dataclasses.replace(recipe, version="9"),
        dataclasses.replace(recipe, dtype="bfloat16"),
        dataclasses.replace(recipe, pins=("file:x",)),
    ]
    assert len({recipe.fingerprint, *(other.fingerprint for other in changed)}) == 5
    assert dataclasses.replace(recipe, device="cuda").fingerprint == recipe.fingerprint


def test_fingerprint_follows_the_files_of_a_folder(kit: SystemKit, tmp_path: Path) -> None:
    weights = {"model": {"source": f"file:{tmp_path}"}}
    system = with_channels(kit, a={"name": "filed", "weights": weights})

    found = []
    for told in ("one", "other"):  # in place: the folder itself does not change
        (tmp_path / "model.bin").write_text(told)
        with system.pipeline() as pipeline:
            found.append(pipeline.system.encoders["a"].recipe.fingerprint)

    assert found[0] != found[1]


def test_media_reach_an_encoder_one_by_one_where_lengths_vary(
    kit: SystemKit, plugin: Watching
) -> None:
    lengths: list[int] = []
    with kit.pipeline() as pipeline:
        encoder = pipeline.system.encoders["glyph"]
        preprocess = encoder.component.preprocess

        def watching(media: Sequence[Media]) -> torch.Tensor:
            lengths.append(len(media))
            found: torch.Tensor = preprocess(media)
            return found

        encoder.component.preprocess = watching
        encoder.encode([glyph(1), glyph(2)])
        encoder.encode([glyph(1), glyph(2)], alone=True)

    assert lengths == [2, 1, 1]
