"""Folders of the code of 2024 become parts, if their adapters are scaled as the system's."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from nextgpt_registry.errors import NextGPTError, SourceError
from nextgpt_registry.plan import Plan, make_plan
from nextgpt_systems.checkpoints import convert

REWRITE = "nextgpt-7b-v1.5"


@pytest.fixture
def stage3(plan: Plan, tmp_path: Path, checkpoints: Any) -> Path:
    """The files of the last stage, as the code of 2024 and peft write them."""
    folder = tmp_path / "stage3"
    folder.mkdir()
    base = plan.facts.vocabulary
    names = [
        f"<{c}_{i:02}>" for c, n in (("image", 4), ("video", 24), ("audio", 8)) for i in range(n)
    ]
    added = {name: base + number for number, name in enumerate(names)}
    (folder / "added_tokens.json").write_text(json.dumps(added), "utf-8")
    given = _rewritten(checkpoints.published(plan), base + 36)
    prefixed = {f"base_model.model.{k}": t for k, t in given.items() if "lora" not in k}
    torch.save(prefixed, folder / "non_lora_trainables.bin")
    adapters = {f"base_model.model.{k}": t for k, t in given.items() if "lora" in k}
    save_file(adapters, folder / "adapter_model.safetensors")
    targets = ["v_proj", "q_proj", "o_proj", "k_proj"]
    LoraConfig(r=4, lora_alpha=4, target_modules=targets).save_pretrained(folder)
    return folder


def test_the_layout_of_2024_is_read_from_the_files_that_are_there(
    plan: Plan, stage3: Path, tmp_path: Path, checkpoints
) -> None:
    base = plan.facts.vocabulary
    given = _rewritten(checkpoints.published(plan), base + 36)

    paths = convert(REWRITE, stage3, tmp_path / "out", plan)

    lora, image = load_file(paths["lora"]), load_file(paths["project.image"])
    key = "layers.3.self_attn.v_proj"
    assert torch.equal(lora[f"{key}.B"], given[f"model.{key}.lora_B.weight"])
    assert torch.equal(
        image["output.fc_out.0.bias"], given["model.mm_output_img_projector.out_fc.bias"]
    )
    assert torch.equal(
        load_file(paths["signals"])["video.input"],
        given["model.embed_tokens.weight"][base + 4 : base + 28],
    )


def test_a_tensor_that_is_there_twice_is_refused(plan: Plan, stage3: Path, tmp_path: Path) -> None:
    path = stage3 / "non_lora_trainables.bin"
    held = torch.load(path, weights_only=True)
    torch.save({**held, "lm_head.weight": held["base_model.model.lm_head.weight"]}, path)

    with pytest.raises(SourceError, match=r"lm_head\.weight with the prefix and without"):
        convert(REWRITE, stage3, tmp_path / "out", plan)


def test_adapters_in_two_files_are_refused(plan: Plan, stage3: Path, tmp_path: Path) -> None:
    torch.save(load_file(stage3 / "adapter_model.safetensors"), stage3 / "adapter_model.bin")

    with pytest.raises(SourceError, match=r"holds both adapter_model\.bin and"):
        convert(REWRITE, stage3, tmp_path / "out", plan)


def test_damaged_adapters_are_refused(plan: Plan, stage3: Path, tmp_path: Path) -> None:
    (stage3 / "adapter_model.safetensors").write_bytes(b"\xff" * 64)

    with pytest.raises(SourceError, match="cannot be read as safetensors"):
        convert(REWRITE, stage3, tmp_path / "out", plan)


def test_adapters_of_no_numbers_are_refused(plan: Plan, stage3: Path, tmp_path: Path) -> None:
    path = stage3 / "adapter_model.safetensors"
    held = load_file(path)
    save_file({name: tensor * float("nan") for name, tensor in held.items()}, path)

    with pytest.raises(SourceError, match="256 without weights"):
        convert(REWRITE, stage3, tmp_path / "out", plan)


def test_adapters_scaled_in_another_way_are_refused(
    plan: Plan, stage3: Path, twin: Path, tmp_path: Path
) -> None:
    other = LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], use_rslora=True)
    other.save_pretrained(stage3)
    bare = make_plan(twin, ["llm.lora=null"])

    with pytest.raises(SourceError) as caught:
        convert(REWRITE, stage3, tmp_path / "out", plan)
    with pytest.raises(SourceError, match="which this system has not"):
        convert(REWRITE, stage3, tmp_path / "out", bare)

    told = str(caught.value)
    assert "r is 8, the system's is 4; lora_alpha is 16, the system's is 4" in told
    assert "target_modules is ['q_proj', 'v_proj']" in told
    assert "use_rslora is True, which is not done here" in told
    fix = caught.value.fix.split("'")[1]
    lora = make_plan(twin, [fix]).config.llm.lora
    assert lora is not None
    assert (lora.r, lora.alpha, lora.targets) == (8, 16, ("q_proj", "v_proj"))


def test_adapters_that_do_not_say_their_scale_are_refused(
    plan: Plan, stage3: Path, tmp_path: Path
) -> None:
    (stage3 / "adapter_config.json").unlink()

    with pytest.raises(SourceError, match="only it says how they are scaled"):
        convert(REWRITE, stage3, tmp_path / "out", plan)


def test_the_papers_grouping_is_not_that_of_2024(plan: Plan, tmp_path: Path, twin: Path) -> None:
    torch.save({}, tmp_path / "mm_input_projector.bin")
    names = [
        f"<{c}_{i:02}>" for c, n in (("image", 4), ("video", 24), ("audio", 8)) for i in range(n)
    ]
    added = {name: 400 + number for number, name in enumerate(names)}
    (tmp_path / "added_tokens.json").write_text(json.dumps(added), "utf-8")
    small = "{kind: grouping, shares: one, options: {width: 16, ffn: 32}}"
    grouped = make_plan(twin, [f"modalities.{c}.input_projection={small}" for c in plan.channels])

    with pytest.raises(NextGPTError, match="its `group` is `groupvit` here"):
        convert(REWRITE, tmp_path, tmp_path / "out", grouped)


def _rewritten(tensors: OrderedDict[str, torch.Tensor], rows: int) -> dict[str, torch.Tensor]:
    """The published tensors under the names of 2024."""
    root = "llama_model.base_model.model."
    names = {
        "gen_text_hidden_fcs.0": "model.mm_output_img_projector",
        "gen_text_hidden_fcs_video.0": "model.mm_output_vid_projector",
        "gen_text_hidden_fcs_audio.0": "model.mm_output_aud_projector",
        "llama_proj": "model.mm_input_projector",
    }
    found = {}
    for key, tensor in tensors.items():
        name = key.removeprefix(root).replace(".default", "")
        for old, new in names.items():
            if name.startswith(old + "."):
                name = new + name.removeprefix(old)
                name = name.replace("projector.fc.", "projector.in_fc.")
                name = name.replace("projector.model.", "projector.out_fc.")
        found[name] = tensor[:rows].clone() if "embed" in key or "lm_head" in key else tensor
    return found
