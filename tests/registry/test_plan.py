"""A plan resolves everything; nothing is built for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nextgpt_registry import (
    Plan,
    PlanError,
    make_plan,
)
from nextgpt_registry.config import LLMFacts

SHA = "ab" * 32
PINNED = {"source": "pypi:a==1/b.safetensors", "sha256": SHA, "bytes": 70}
SPEAKS = {"name": "relief", "weights": {"model": PINNED}}
Planned = Callable[..., Plan]


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


def test_components_and_projections_are_resolved(planned: Planned, lidar: Path) -> None:
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


def test_parts_are_counted_by_stage(facts: dict[str, Any], planned: Planned, lidar: Path) -> None:
    llm = {"path": "file:.", "facts": facts, "lora": {"r": 2, "targets": ["q_proj", "v_proj"]}}
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


def test_precision_halves_the_memory(planned: Planned, lidar: Path) -> None:
    channel = {"encoder": {"name": "patch", "dtype": "bfloat16"}}

    (encoder,) = (
        part
        for part in planned(lidar, modalities={"lidar": channel}).parts
        if part.name == "lidar.encoder"
    )

    assert encoder.bytes == 2 * 1000


def test_of_offloaded_parts_the_largest_alone_counts_at_once(planned: Planned, lidar: Path) -> None:
    encoder, decoder = {"name": "patch", "offload": True}, {**SPEAKS, "offload": True}

    plan = planned(lidar, modalities={"lidar": {"encoder": encoder, "decoder": decoder}})

    sizes = {part.name: part.bytes for part in plan.parts if part.offload}
    assert set(sizes) == {"lidar.encoder", "lidar.decoder"}
    assert plan.bytes - plan.bytes_at_once == min(sizes.values()) > 0
    assert plan.to_json()["bytes_at_once"] == plan.bytes_at_once
    decoder["executor"] = "process"
    apart = planned(lidar, modalities={"lidar": {"encoder": encoder, "decoder": decoder}})
    assert apart.bytes_at_once == apart.bytes  # who knows of no other waits for none


def test_one_component_in_two_channels_is_counted_once(planned: Planned, lidar: Path) -> None:
    channels = {"lidar": {"encoder": "patch"}, "far": {"modality": "lidar", "encoder": "patch"}}

    plan = planned(lidar, modalities=channels)

    counted = {part.name: part.parameters for part in plan.parts if "encoder" in part.name}
    assert counted == {"lidar.encoder": 1000, "far.encoder": 0}


def test_a_file_that_two_parts_load_is_fetched_once(planned: Planned, lidar: Path) -> None:
    other = {**SPEAKS, "dtype": "float16"}
    channels = {"lidar": {"decoder": SPEAKS}, "found": {"modality": "lidar", "decoder": other}}

    plan = planned(lidar, modalities=channels)

    assert [p.state for p in plan.parts if "decoder" in p.name] == ["fetch", "fetch"]
    assert plan.fetch_bytes == 70


def test_channels_of_one_modality_have_signals_of_their_own(planned: Planned, lidar: Path) -> None:
    channels = {"lidar": {"decoder": SPEAKS}, "found": {"modality": "lidar", "decoder": SPEAKS}}

    blocks = planned(lidar, modalities=channels).signals.blocks

    assert [(b.channel, b.first, b.count) for b in blocks] == [
        ("lidar", 100, 4),
        ("found", 104, 4),
    ]
    assert blocks[1].spelling == "<|found:{i}|>"


def test_facts_come_from_the_model_folder(
    facts: dict[str, Any], planned: Planned, lidar: Path, tmp_path: Path
) -> None:
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
        planned(tmp_path, llm={"path": "file:lm", "facts": facts})


def _linear(width: int) -> dict[str, list[int]]:
    return {"input.map.weight": [16, width], "input.map.bias": [16]}


def test_trained_parts_are_held_to_their_headers(
    planned: Planned, lidar: Path, tmp_path: Path
) -> None:
    good = save(tmp_path / "good.safetensors", **_linear(32))
    bad = save(tmp_path / "bad.safetensors", **_linear(31))
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
    told = {p.path: p.what for p in caught.value.problems}
    assert "weight is (16, 31), wanted (16, 32)" in told["weights.project.lidar"]
    assert "(3, 16), wanted (4, 16)" in told["weights.signals"]


def test_a_torn_part_is_told(
    facts: dict[str, Any], planned: Planned, lidar: Path, tmp_path: Path
) -> None:
    path = save(tmp_path / "lora.safetensors", a=[4])
    path.write_bytes(path.read_bytes()[:-1])
    llm = {"path": "file:.", "facts": facts, "lora": {"targets": ["q_proj"]}}

    with pytest.raises(PlanError, match="no whole safetensors file"):
        planned(tmp_path, llm=llm, weights={"lora": {"source": "file:lora.safetensors"}})


def test_a_twin_needs_no_weights(planned: Planned, lidar: Path) -> None:
    plugin = lidar / "plugin.py"
    plugin.write_text(plugin.read_text().replace("tokens=16,", "tokens=16, weights=('model',),"))

    twin = {"name": "patch", "options": {"layers": 1}}
    plan = planned(lidar, modalities={"lidar": {"encoder": twin}})

    assert [p.checked for p in plan.parts if p.name == "lidar.encoder"] == ["twin"]
    with pytest.raises(PlanError, match="model missing"):
        planned(lidar, modalities={"lidar": {"encoder": "patch"}})


def test_a_plan_is_frozen_and_reads_as_json(planned: Planned, lidar: Path) -> None:
    plan = planned(lidar, modalities={"lidar": {"encoder": "patch", "decoder": SPEAKS}})

    told = json.loads(json.dumps(plan.to_json()))

    assert told["parameters"] == plan.parameters
    assert told["trained"]["1"] == plan.trained(1)
    with pytest.raises(ValidationError):
        plan.system = "other"  # type: ignore[misc]


def test_facts_without_linears_leave_lora_uncounted_and_say_so(
    facts: dict[str, Any], planned: Planned, lidar: Path
) -> None:
    bare = LLMFacts.model_validate({**facts, "linears": {}}).model_dump()

    plan = planned(lidar, llm={"path": "file:.", "facts": bare, "lora": {"r": 2}})

    assert any("not counted" in note for note in plan.notes)
