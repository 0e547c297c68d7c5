"""Plans: a trunk is counted once, its licence must be accepted, absent modalities are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nextgpt_core.testing import SystemKit
from nextgpt_imagebind.options import LICENCE, PARAMETERS, PATCHES
from nextgpt_registry import Catalog, PlanError
from nextgpt_registry.plan import make_plan
from nextgpt_registry.targets import missing, resolve

pytestmark = pytest.mark.skipif(
    bool(missing(("imagebind.models.imagebind_model", "einops"))),
    reason="the package imagebind is not installed",
)
OWNERS = ("image", "video", "audio", "depth")


@pytest.fixture
def config(tmp_path: Path) -> Any:
    """Makes a config: modalities to encoders, and the plugins of those modalities."""

    def make(name: str, *modalities: str, twin: bool = False, **more: Any) -> Any:
        encoder: dict[str, Any] = {"name": name}
        if twin:
            encoder["options"] = {"narrow": 16}
        else:
            weights = tmp_path / "imagebind.safetensors"
            weights.touch()
            encoder["weights"] = {"model": {"source": f"file:{weights}"}}
        linear = {"encoder": encoder, "input_projection": {"kind": "linear"}}
        owners = [one for one in modalities if one in OWNERS]
        kit = SystemKit(
            tmp_path,
            plugins=dict.fromkeys(("imagebind", *owners)),
            channels=dict.fromkeys(modalities, linear),
        )
        return kit.builder.set(**more)

    return make


def test_a_shared_trunk_is_counted_once(config: Any) -> None:
    builder = config("imagebind-huge", *PATCHES, accept_licences=[LICENCE])

    plan = make_plan(builder.config(), catalog=builder.catalog)

    rows = [part for part in plan.parts if part.what == "imagebind-huge"]
    assert len(rows) == len(PATCHES)
    assert sum(part.parameters for part in rows) == PARAMETERS
    assert {part.licence for part in rows} == {LICENCE}
    tokens = {n: c.input.tokens_in for n, c in plan.channels.items() if c.input}
    assert tokens == dict.fromkeys(PATCHES, 1)


def mixed(name: str) -> dict[str, Any]:
    """Channels of three modalities in both variants."""
    encoder = {"name": name, "options": {"narrow": 16}}
    return {"encoder": encoder, "input_projection": {"kind": "linear"}}


def test_both_variants_are_views_of_one_trunk(tmp_path: Path) -> None:
    channels = {
        "whole": {"modality": "thermal", **mixed("imagebind-huge")},
        "parts": {"modality": "thermal", **mixed("imagebind-huge-patch")},
        "motion": {"modality": "imu", **mixed("imagebind-huge-patch")},
    }
    kit = SystemKit(tmp_path, plugins={"imagebind": None}, channels=channels)

    with kit.builder.set(accept_licences=[LICENCE]).build() as pipeline:
        encoders = pipeline.system.encoders
        heat = resolve("nextgpt_imagebind.thermal:sample")(0)
        [one], [many] = (encoders[name].encode([heat]) for name in ("whole", "parts"))

    whole, parts = encoders["whole"], encoders["parts"]
    assert whole.component.model is parts.component.model
    assert parts.component is encoders["motion"].component
    assert whole.lock is parts.lock
    assert (one.shape, many.shape) == ((1, 1024), (PATCHES["thermal"], 1024))
    assert whole.fingerprint != parts.fingerprint  # their features are kept apart


def test_a_trunk_in_both_variants_is_counted_once(tmp_path: Path) -> None:
    weights = {"model": {"source": "models:imagebind.safetensors"}}
    linear = {"kind": "linear"}
    channels = {
        name: {"modality": modality, "encoder": encoder, "input_projection": linear}
        for name, modality, encoder in (
            ("whole", "thermal", {"name": "imagebind-huge", "weights": weights}),
            ("parts", "thermal", {"name": "imagebind-huge-patch", "weights": weights}),
        )
    }
    kit = SystemKit(tmp_path, plugins={"imagebind": None}, channels=channels)

    plan = make_plan(kit.builder.config(), catalog=kit.builder.catalog)

    counted = {part.name: part.parameters for part in plan.parts}
    assert counted["whole.encoder"] == PARAMETERS
    assert counted["parts.encoder"] == 0


def test_patches_have_the_declared_tokens(config: Any) -> None:
    builder = config("imagebind-huge-patch", *PATCHES, accept_licences=[LICENCE])

    plan = make_plan(builder.config(), catalog=builder.catalog)

    assert {n: c.input.tokens_in for n, c in plan.channels.items() if c.input} == PATCHES


def test_the_licence_must_be_accepted(config: Any) -> None:
    builder = config("imagebind-huge", "thermal")

    with pytest.raises(PlanError, match=rf"accept_licences: \[{LICENCE}\]"):
        make_plan(builder.config(), catalog=builder.catalog).check_accepted()


def test_an_absent_modality_names_the_plugin_that_has_it(config: Any) -> None:
    builder = config("imagebind-huge", "depth", "thermal", accept_licences=[LICENCE])
    alone = Catalog.discover(["imagebind"])

    with pytest.raises(PlanError, match="declares the modality 'depth'"):
        make_plan(builder.config(), catalog=alone)


def test_six_channels_share_one_live_model(config: Any) -> None:
    builder = config("imagebind-huge-patch", *PATCHES, twin=True, accept_licences=[LICENCE])

    with builder.build() as pipeline:
        encoders = pipeline.system.encoders
        components = {id(encoder.component) for encoder in encoders.values()}
        modalities = {name: encoder.spec.modality for name, encoder in encoders.items()}

    assert len(components) == 1
    assert modalities == {name: name for name in PATCHES}
