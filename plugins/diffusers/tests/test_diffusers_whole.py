"""A folder that lacks a weight is refused: diffusers would draw it, and say so in a log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nextgpt_diffusers.folder import Folder
from nextgpt_diffusers.opening import opened
from nextgpt_diffusers.pipelines import PIPELINES
from nextgpt_registry import SourceError

_NAME = "StableDiffusionPipeline"


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("renamed", [False, True])
def test_a_lacking_weight_is_told(
    saved: Callable[[str], Path], tmp_path: Path, part: str, renamed: bool
) -> None:
    shutil.copytree(saved(_NAME), tmp_path / "pipe")
    [path] = (tmp_path / "pipe" / part).glob("*.safetensors")
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    lost = sorted(tensors)[len(tensors) // 2]
    tensor = tensors.pop(lost)
    if renamed:
        tensors[f"{lost}_ema"] = tensor
    save_file(tensors, path, metadata=metadata)

    with pytest.raises(SourceError, match=f"{part}: its files lack .*{lost.rpartition('.')[2]}"):
        opened(Folder(tmp_path / "pipe"), PIPELINES[_NAME])
