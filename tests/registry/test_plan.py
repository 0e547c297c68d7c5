"""A plan resolves everything or tells everything that is wrong; nothing is built for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nextgpt_registry import (
    Catalog,
    Config,
    Loaded,
    Manifest,
    Plan,
    PlanError,
    PluginError,
    hookimpl,
    make_plan,
    resolve,
)
from nextgpt_registry.config import LLMFacts

FACTS = {
    "family": "llama",
    "parameters": 5000,
    "width": 16,
    "layers": 2,
    "vocabulary": 100,
    "tied": True,
    "context": 64,
    "linears": {"q_proj": [16, 16], "v_proj": [16, 8]},
}
SHA = "ab" * 32
PINNED = {"source": "pypi:a==1/b.safetensors", "sha256": SHA, "bytes": 70}
SPEAKS = {"name": "relief", "weights": {"model": PINNED}}


def planned(folder: Path, catalog: Catalog | None = None, **changes: Any) -> Plan:
    """The plan of a small system in `folder`, with top-level keys replaced."""
    raw = {
        "name": "small",
        "llm": {"path": "file:.", "facts": FACTS},
        "plugins": ["lidar"],
        "accept_licences": ["CC-BY-NC-4.0"],
        **changes,
    }
    loaded = Loaded(Config.model_validate(raw), folder, "small")
    return resolve(loaded, catalog or Catalog.discover(["lidar"]))


def problems(caught: pytest.ExceptionInfo[PlanError]) -> dict[str, str]:
    return {p.path: f"{p.what} {p.fix}" for p in caught.value.problems}


def save(path: Path, **shapes: list[int]) -> Path:
    """A safetensors file of zeros."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
    return path


def test_a_shipped_system_is_planned_by_its_name(lidar: Path) -> None:
    plan = make_plan("seer")

    assert plan.plugins == {"lidar": "0.2.0"}
    assert plan.channels["lidar"].modality.name == "lidar"
    assert plan.base == lidar / "systems"


def test_components_and_projections_are_resolved(lidar: Path) -> None:
    channel = {
        "encoder": {"name": "patch", "options": {"layers": 3}},
        "input_projection": "mlp",
        "decoder": SPEAKS,
    }

    plan = planned(lidar, modalities={"lidar": channel}).channels["lidar"]

    assert plan.encoder is not None
    assert plan.encoder.options == {"layers": 3, "stride": 4}
    assert (plan.encoder.plugin, plan.encoder.version) == ("lidar", "0.2.0")
    assert plan.input is not None
    assert (plan.input.tokens_in, plan.input.width_in, plan.input.tokens) == (16, 32, 16)
    assert plan.output is not None
    assert [c.name for c in plan.output.conditions] == ["text"]


def test_parts_are_counted_by_stage(lidar: Path) -> None:
    llm = {"path": "file:.", "facts": FACTS, "lora": {"r": 2, "targets": ["q_proj", "v_proj"]}}
    channel = {"encoder": "patch", "decoder": SPEAKS}

    plan = planned(lidar, llm=llm, modalities={"lidar": channel})

    parts = {part.name: part for part in plan.parts}
    lora, signals = 2 * 2 * (32 + 24), 2 * 4 * 16
    assert parts["llm"].parameters == 5000
    assert parts["lora"].parameters == lora
    assert parts["signals"].parameters == signals
    assert parts["lidar.input"].parameters == 32 * 16 + 16
    assert plan.trained(1) == parts["lidar.input"].parameters
    assert plan.trained(2) == signals + parts["lidar.output"].parameters
    assert plan.trained(3) == plan.trained(1) + plan.trained(2) + lora
    assert plan.parameters == sum(part.parameters for part in plan.parts)
    assert parts["lidar.decoder"].licence == "CC-BY-NC-4.0"
    assert (parts["lidar.decoder"].state, plan.fetch_bytes) == ("fetch", 70)


def test_precision_halves_the_memory(lidar: Path) -> None:
    channel = {"encoder": {"name": "patch", "dtype": "bfloat16"}}

    (encoder,) = (
        part
        for part in planned(lidar, modalities={"lidar": channel}).parts
        if part.name == "lidar.encoder"
    )

    assert encoder.bytes == 2 * 1000


def test_one_component_in_two_channels_is_counted_once(lidar: Path) -> None:
    channels = {"lidar": {"encoder": "patch"}, "far": {"modality": "lidar", "encoder": "patch"}}

    plan = planned(lidar, modalities=channels)

    counted = {part.name: part.parameters for part in plan.parts if "encoder" in part.name}
    assert counted == {"lidar.encoder": 1000, "far.encoder": 0}


def test_a_file_that_two_parts_load_is_fetched_once(lidar: Path) -> None:
    other = {**SPEAKS, "dtype": "float16"}
    channels = {"lidar": {"decoder": SPEAKS}, "found": {"modality": "lidar", "decoder": other}}

    plan = planned(lidar, modalities=channels)

    assert [p.state for p in plan.parts if "decoder" in p.name] == ["fetch", "fetch"]
    assert plan.fetch_bytes == 70


def test_channels_of_one_modality_have_signals_of_their_own(lidar: Path) -> None:
    channels = {"lidar": {"decoder": SPEAKS}, "found": {"modality": "lidar", "decoder": SPEAKS}}

    blocks = planned(lidar, modalities=channels).signals.blocks

    assert [(b.channel, b.first, b.count) for b in blocks] == [
        ("lidar", 100, 4),
        ("found", 104, 4),
    ]
    assert blocks[1].spelling == "<|found:{i}|>"


def test_all_problems_are_told_at_once_with_their_paths(lidar: Path) -> None:
    llm = {
        "path": "file:nowhere",
        "facts": FACTS,
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


def test_a_channel_named_after_no_modality_learns_which_plugin_has_it(lidar: Path) -> None:
    nothing = Catalog.of({"none": Manifest(summary="", license="MIT")})

    with pytest.raises(PlanError, match="add 'lidar' to `plugins`"):
        planned(lidar, nothing, plugins=["none"], modalities={"lidar": {"encoder": "patch"}})


def test_plugins_that_cannot_be_loaded_are_told_together(lidar: Path) -> None:
    raw = {"llm": {"path": "file:.", "facts": FACTS}, "plugins": ["deep", "lidar>=9", "lidar"]}

    with pytest.raises(PlanError) as caught:
        make_plan(raw)

    assert set(problems(caught)) == {"plugins.0", "plugins.1"}


def test_missing_modules_are_named(lidar: Path) -> None:
    plugin = lidar / "plugin.py"
    plugin.write_text(
        plugin.read_text().replace("tokens=16,", "tokens=16, requires=('nowhere.at',),")
    )

    with pytest.raises(PlanError, match=r"'patch' needs nowhere\.at"):
        planned(lidar, modalities={"lidar": {"encoder": "patch"}})


def test_a_target_whose_module_is_not_there_is_told(lidar: Path) -> None:
    (lidar / "live.py").unlink()

    with pytest.raises(PlanError, match=r"nextgpt_lidar\.live:Patch is in no installed module"):
        planned(lidar, modalities={"lidar": {"encoder": "patch"}})


def test_two_channels_may_not_be_spelled_alike(lidar: Path) -> None:
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


def test_facts_come_from_the_model_folder(lidar: Path, tmp_path: Path) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "vocab_size": 50,
        "max_position_embeddings": 64,
    }
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm" / "config.json").write_text(json.dumps(config))

    plan = planned(tmp_path, llm={"path": "file:lm"})

    assert (plan.facts.width, plan.facts.vocabulary) == (16, 50)
    with pytest.raises(PlanError, match=r"llm\.facts\.vocabulary: says 100, config\.json says 50"):
        planned(tmp_path, llm={"path": "file:lm", "facts": FACTS})


def test_a_model_of_unknown_size_asks_for_facts(lidar: Path) -> None:
    with pytest.raises(PlanError, match=r"give `llm\.facts`"):
        planned(lidar, llm={"path": PINNED["source"], "sha256": SHA})


def test_trained_parts_are_held_to_their_headers(lidar: Path, tmp_path: Path) -> None:
    good = save(tmp_path / "good.safetensors", **{"input.weight": [16, 32], "input.bias": [16]})
    bad = save(tmp_path / "bad.safetensors", **{"input.weight": [16, 31], "input.bias": [16]})
    rows = save(tmp_path / "rows.safetensors", **{"lidar.input": [3, 16]})
    channel = {"encoder": "patch", "decoder": SPEAKS}

    fine = planned(
        tmp_path,
        modalities={"lidar": {"encoder": "patch"}},
        weights={"project.lidar": {"source": f"file:{good.name}"}},
    )
    with pytest.raises(PlanError) as caught:
        planned(
            tmp_path,
            modalities={"lidar": channel},
            weights={
                "project.lidar": {"source": f"file:{bad.name}"},
                "signals": {"source": f"file:{rows.name}"},
            },
        )

    assert [p.checked for p in fine.parts if p.name == "lidar.input"] == ["header"]
    told = problems(caught)
    assert "holds 512 numbers, the config makes 528" in told["weights.project.lidar"]
    assert "(3, 16), wanted (4, 16)" in told["weights.signals"]


def test_a_torn_part_is_told(lidar: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "lora.safetensors", a=[4])
    path.write_bytes(path.read_bytes()[:-1])
    llm = {"path": "file:.", "facts": FACTS, "lora": {"targets": ["q_proj"]}}

    with pytest.raises(PlanError, match="no whole safetensors file"):
        planned(tmp_path, llm=llm, weights={"lora": {"source": "file:lora.safetensors"}})


def test_a_twin_needs_no_weights(lidar: Path) -> None:
    plugin = lidar / "plugin.py"
    plugin.write_text(plugin.read_text().replace("tokens=16,", "tokens=16, weights=('model',),"))

    twin = {"name": "patch", "options": {"layers": 1}}
    plan = planned(lidar, modalities={"lidar": {"encoder": twin}})

    assert [p.checked for p in plan.parts if p.name == "lidar.encoder"] == ["twin"]
    with pytest.raises(PlanError, match="model missing"):
        planned(lidar, modalities={"lidar": {"encoder": "patch"}})


def test_a_plugin_may_veto_a_plan(lidar: Path) -> None:
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
    small = {**FACTS, "parameters": 1}
    with pytest.raises(PlanError, match="RuntimeError: a bug of the plugin"):
        planned(lidar, catalog, llm={"path": "file:.", "facts": small})


def test_a_plan_is_frozen_and_reads_as_json(lidar: Path) -> None:
    plan = planned(lidar, modalities={"lidar": {"encoder": "patch", "decoder": SPEAKS}})

    told = json.loads(json.dumps(plan.to_json()))

    assert told["parameters"] == plan.parameters
    assert told["trained"]["1"] == plan.trained(1)
    with pytest.raises(ValidationError):
        plan.system = "other"  # type: ignore[misc]


def test_facts_without_linears_leave_lora_uncounted_and_say_so(lidar: Path) -> None:
    facts = LLMFacts.model_validate({**FACTS, "linears": {}}).model_dump()

    plan = planned(lidar, llm={"path": "file:.", "facts": facts, "lora": {"r": 2}})

    assert any("not counted" in note for note in plan.notes)


DESCRIBE = """
import json
from nextgpt_registry import Condition, SourceError

def describe(spec, paths):
    said = json.loads(paths["model"].read_text())
    if "tokens" not in said:
        raise SourceError("model.json", "says no tokens", "write them")
    text = Condition(name="text", tokens=said["tokens"], width=8)
    return spec.model_copy(update={"conditions": (text,), **said.get("more", {})})

def forget(spec, paths):
    return None
"""
DESCRIBED = {
    "lidar": {
        "decoder": {"name": "relief", "weights": {"model": {"source": "file:model.json"}}},
    }
}


@pytest.fixture
def described(lidar: Path) -> Path:
    """The plugin of which a decoder's sizes are in its files."""
    plugin = lidar / "plugin.py"
    text = plugin.read_text().replace('api="1.0"', 'api="1.1"')
    text = text.replace("twin={},", "twin={}, describe='nextgpt_lidar.files:describe',")
    plugin.write_text(text)
    (lidar / "files.py").write_text(DESCRIBE)
    return lidar


def test_a_decoder_may_be_described_by_its_files(described: Path) -> None:
    said = {"tokens": 5, "more": {"parameters": 70}}
    (described / "model.json").write_text(json.dumps(said))

    plan = planned(described, modalities=DESCRIBED)

    output = plan.channels["lidar"].output
    assert output is not None
    assert [c.tokens for c in output.conditions] == [5]
    part = next(part for part in plan.parts if part.name == "lidar.decoder")
    assert (part.parameters, part.checked) == (70, "files")
    assert plan.to_lock().channels["lidar"]["decoder"]["conditions"] == {"text": [5, 8]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "says no tokens"),
        ("{", "cannot be described: JSONDecodeError"),
        ('{"tokens": 5, "more": {"target": "a.b:C"}}', "changed target"),
        ('{"tokens": 5, "more": {"requires": ["nowhere_to_be_found"]}}', "nowhere_to_be_found"),
    ],
)
def test_files_that_describe_no_decoder_are_told(described: Path, content: str, told: str) -> None:
    (described / "model.json").write_text(content)

    with pytest.raises(PlanError, match=told):
        planned(described, modalities=DESCRIBED)


def test_a_described_decoder_needs_its_files_here(described: Path) -> None:
    with pytest.raises(PlanError) as absent:
        planned(described, modalities=DESCRIBED)
    with pytest.raises(PlanError) as unnamed:
        planned(described, modalities={"lidar": {"decoder": "relief"}})

    assert "which are not here" in problems(absent)["modalities.lidar.decoder.weights.model"]
    assert set(problems(unnamed)) == {"modalities.lidar.decoder.weights"}


def test_a_describing_function_returns_a_decoder(described: Path) -> None:
    (described / "model.json").write_text("{}")
    plugin = described / "plugin.py"
    plugin.write_text(plugin.read_text().replace("files:describe", "files:forget"))

    with pytest.raises(PlanError, match="returned a NoneType"):
        planned(described, modalities=DESCRIBED)
