"""A plan tells everything that is wrong, at once and with its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry import (
    Catalog,
    Manifest,
    Plan,
    PlanError,
    PluginError,
    hookimpl,
    make_plan,
)

SHA = "ab" * 32
PINNED = {"source": "pypi:a==1/b.safetensors", "sha256": SHA, "bytes": 70}
SPEAKS = {"name": "relief", "weights": {"model": PINNED}}
Planned = Callable[..., Plan]


def problems(caught: pytest.ExceptionInfo[PlanError]) -> dict[str, str]:
    return {p.path: f"{p.what} {p.fix}" for p in caught.value.problems}


def test_all_problems_are_told_at_once_with_their_paths(
    facts: dict[str, Any], planned: Planned, lidar: Path
) -> None:
    llm = {
        "path": "file:nowhere",
        "facts": facts,
        "dtype": "int7",
        "device": "gpu",
        "layer": 9,
        "lora": {"targets": ["q_proj", "w_proj"]},
    }
    channels = {
        "lidar": {
            "encoder": {"name": "patch", "options": {"layrs": 3}},
            "input_projection": "liner",
            "decoder": {"name": "relief", "weights": {"modle": PINNED}, "route": "caption"},
            "output_projection": {"kind": "query", "options": {"width": 6, "heads": 4}},
        },
        "lidr": {"encoder": "patch"},
        "silent": {"modality": "lidar"},
        "other": {"modality": "lidar", "encoder": "pach"},
    }

    with pytest.raises(PlanError) as caught:
        planned(
            lidar,
            llm=llm,
            modalities=channels,
            accept_licences=[],
            weights={"projct.lidar": {"source": "file:gone.safetensors"}},
            training={"one": {"target": "nowhere.data:Pairs"}},
        )

    told = problems(caught)
    expected = {
        "llm.path": "there is no file:nowhere",
        "llm.dtype": "known: bfloat16",
        "llm.device": "known: auto",
        "llm.layer": "no layer of 2",
        "llm.lora.targets": "'w_proj' known: q_proj, v_proj",
        "modalities.lidar.encoder.options.layrs": "did you mean 'layers'",
        "modalities.lidar.input_projection.kind": "did you mean 'linear'",
        "modalities.lidar.output_projection.options": "no multiple of heads",
        "modalities.lidar.decoder": "CC-BY-NC-4.0 forbids commercial use",
        "modalities.lidar.decoder.route": "takes no captions",
        "modalities.lidar.decoder.weights": "model missing",
        "modalities.lidar.decoder.weights.modle": "did you mean 'model'",
        "modalities.lidr": "did you mean 'lidar'",
        "modalities.silent": "neither an encoder nor a decoder",
        "modalities.other.encoder.name": "did you mean 'patch'",
        "weights.projct.lidar": "known: lora, signals, project.lidar",
        "training.one.target": "there is no module nowhere.data",
    }
    missed = {path: (words, told.get(path)) for path, words in expected.items()
              if words not in told.get(path, "")}  # fmt: skip
    assert not missed


def test_a_channel_named_after_no_modality_learns_which_plugin_has_it(
    planned: Planned, lidar: Path
) -> None:
    nothing = Catalog.of({"none": Manifest(summary="", license="MIT")})

    with pytest.raises(PlanError, match="add 'lidar' to `plugins`"):
        planned(lidar, nothing, plugins=["none"], modalities={"lidar": {"encoder": "patch"}})


def test_plugins_that_cannot_be_loaded_are_told_together(
    facts: dict[str, Any], lidar: Path
) -> None:
    raw = {"llm": {"path": "file:.", "facts": facts}, "plugins": ["deep", "lidar>=9", "lidar"]}

    with pytest.raises(PlanError) as caught:
        make_plan(raw)

    assert set(problems(caught)) == {"plugins.0", "plugins.1"}


def test_missing_modules_are_named(planned: Planned, lidar: Path) -> None:
    plugin = lidar / "plugin.py"
    plugin.write_text(
        plugin.read_text().replace("tokens=16,", "tokens=16, requires=('nowhere.at',),")
    )

    with pytest.raises(PlanError, match=r"'patch' needs nowhere\.at"):
        planned(lidar, modalities={"lidar": {"encoder": "patch"}})


def test_a_target_whose_module_is_not_there_is_told(planned: Planned, lidar: Path) -> None:
    (lidar / "live.py").unlink()

    with pytest.raises(PlanError, match=r"nextgpt_lidar\.live:Patch is in no installed module"):
        planned(lidar, modalities={"lidar": {"encoder": "patch"}})


def test_two_channels_may_not_be_spelled_alike(planned: Planned, lidar: Path) -> None:
    channels = {
        "lidar": {"decoder": SPEAKS, "spelling": "[D{i}]"},
        "found": {"modality": "lidar", "decoder": SPEAKS, "spelling": "[D{i}]"},
        "third": {"modality": "lidar", "decoder": SPEAKS, "spelling": "[D]"},
    }

    with pytest.raises(PlanError) as caught:
        planned(lidar, modalities=channels)

    told = problems(caught)
    assert "how 'lidar' is spelled" in told["modalities.found.spelling"]
    assert "does not number" in told["modalities.third.spelling"]


def test_a_model_of_unknown_size_asks_for_facts(planned: Planned, lidar: Path) -> None:
    with pytest.raises(PlanError, match=r"give `llm\.facts`"):
        planned(lidar, llm={"path": PINNED["source"], "sha256": SHA})


def test_a_plugin_may_veto_a_plan(facts: dict[str, Any], planned: Planned, lidar: Path) -> None:
    class Strict:
        @hookimpl
        def nextgpt_manifest(self) -> Manifest:
            return Manifest(summary="", license="MIT")

        @hookimpl
        def nextgpt_plan_resolved(self, plan: Plan) -> None:
            if plan.parameters > 4000:
                raise PluginError("strict", "too large", "use a smaller one")
            raise RuntimeError("a bug of the plugin")

    catalog = Catalog.discover(["lidar"]) + Catalog.of({"strict": Strict()})

    with pytest.raises(PlanError, match="strict: too large"):
        planned(lidar, catalog)
    small = {**facts, "parameters": 1}
    with pytest.raises(PlanError, match="RuntimeError: a bug of the plugin"):
        planned(lidar, catalog, llm={"path": "file:.", "facts": small})
