"""What it takes to load a language model: about the memory that it then has, not a multiple."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.testing import save_tiny_llm
from nextgpt_registry import ConfigError

_MEASURE = """
import sys
from pathlib import Path

from nextgpt_core.llm.load import backbone_from_folder


def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


small, large = map(Path, sys.argv[1:])
backbone_from_folder(small, dtype="float16")  # what is imported on the way is no matter here
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
backbone = backbone_from_folder(large, dtype="float16")
weights = sum(p.numel() * p.element_size() for p in backbone.parameters())
print((status("VmHWM") - before) / weights)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_a_language_model_is_loaded_in_its_own_precision(tmp_path: Path) -> None:
    small = save_tiny_llm(tmp_path / "small")
    large = save_tiny_llm(tmp_path / "large", width=512, layers=8)
    halved = AutoModelForCausalLM.from_pretrained(large, dtype=torch.float16)
    halved.save_pretrained(large)

    found = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(small), str(large)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert float(found.stdout) < 1.6  # in float32 first and then halved it would be 3


@pytest.mark.parametrize("edit", ["lacking", "renamed", "cut"])
def test_a_folder_that_lacks_weights_is_refused(tmp_path: Path, edit: str) -> None:
    folder = save_tiny_llm(tmp_path / "llm")
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    tensor = tensors.pop(name)
    if edit == "renamed":
        tensors[f"{name}.0"] = tensor
    if edit == "cut":
        tensors[name] = tensor[:3].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ConfigError, match=rf"llm lack {name}"):
        backbone_from_folder(folder)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("model.layers.2.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"),
        ("layers.2.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"),
        ("model.layers.0.self_attn.q_proj.bias", "model.norm.weight"),
        ("model.layers.0.mlp.up_proj.weight_scale_inv", "model.norm.weight"),
    ],
)
def test_weights_that_the_config_would_leave_out_are_refused(
    tmp_path: Path, name: str, like: str
) -> None:
    folder = save_tiny_llm(tmp_path / "llm")
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = tensors[like].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ConfigError, match=rf"hold {name}, and its config.json has no place"):
        backbone_from_folder(folder)


def test_what_belongs_to_no_layer_may_be_there_besides(tmp_path: Path) -> None:
    folder = save_tiny_llm(tmp_path / "llm")
    tensors = load_file(folder / "model.safetensors")
    for name in ("tower.layers.0.mlp.up_proj.weight", "model.layers.0.self_attn.masked_bias"):
        tensors[name] = torch.ones(2)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    assert backbone_from_folder(folder).probed


def test_integers_are_no_weights(tmp_path: Path) -> None:
    folder = save_tiny_llm(tmp_path / "llm")
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    tensors[name] = (100 * tensors[name]).to(torch.int32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ConfigError, match=f"hold integers for {name}"):
        backbone_from_folder(folder)


@pytest.mark.parametrize("ids", ["x", [[1]], 1.5, True, None, [], {"a": 1}, [-1, 99999]], ids=str)
def test_ids_that_are_none_end_no_answer(tmp_path: Path, ids: object) -> None:
    folder = save_tiny_llm(tmp_path / "llm")
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": ids}))

    assert backbone_from_folder(folder).eos_ids == {2}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps"])
def test_a_device_that_is_not_there_is_told(tmp_path: Path, device: str) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("it is there")

    with pytest.raises(ConfigError, match=f"llm.device: the model cannot be put on {device}"):
        backbone_from_folder(save_tiny_llm(tmp_path / "llm"), device=device)
