"""A folder's safety checker looks at pictures, and its verdict reaches whoever asked for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from drawing import draw
from transformers import CLIPConfig, CLIPImageProcessorPil

from nextgpt_diffusers import describe
from nextgpt_diffusers.decoders import DECODERS
from nextgpt_diffusers.models import Image
from nextgpt_diffusers.options import ImageOptions
from nextgpt_registry.media import Media

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SEEN = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}
KINDS = {
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "feature_extractor": ["transformers", "CLIPImageProcessorPil"],
}


@pytest.fixture
def folder(saved: Callable[[str], Path], tmp_path: Path) -> Callable[[float], Path]:
    """A Stable Diffusion whose checker finds something where a picture is likelier than so."""

    def make(threshold: float) -> Path:
        copied = shutil.copytree(saved("StableDiffusionPipeline"), tmp_path / str(threshold))
        checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=SEEN, projection_dim=16))
        with torch.no_grad():
            checker.concept_embeds_weights.fill_(threshold)
        checker.save_pretrained(copied / "safety_checker")
        side = {"height": 32, "width": 32}
        seen = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=side)
        seen.save_pretrained(copied / "feature_extractor")
        index = copied / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text("utf-8")) | KINDS), "utf-8")
        return copied

    return make


def drawn(folder: Path) -> list[Media]:
    options = ImageOptions(height=64, width=64, steps=1, guidance=1.0)
    decoder = Image(options)
    decoder.load({"pipeline": folder})
    decoder.eval().requires_grad_(False)
    return draw(decoder, decoder.caption_targets(["a cat", "a dog"]), 1, 2)


def test_a_flagged_picture_is_black_and_says_why(folder: Callable[[float], Path]) -> None:
    found = drawn(folder(-2.0))  # no cosine is lower

    assert [medium.data.any() for medium in found] == [False, False]
    assert all("safety checker" in medium.about["safety"] for medium in found)


def test_a_picture_that_passes_is_left_alone(folder: Callable[[float], Path]) -> None:
    found = drawn(folder(2.0))

    assert all(medium.data.any() and not medium.about for medium in found)


def test_the_plan_says_and_counts_who_looks(
    folder: Callable[[float], Path], saved: Callable[[str], Path]
) -> None:
    generic = next(d for d in DECODERS if d.name == "diffusers" and d.modality == "image")
    plain, checked = saved("StableDiffusionPipeline"), folder(0.0)

    without, with_it = (describe(generic, {"pipeline": path}) for path in (plain, checked))

    assert "safety checker" in with_it.summary
    assert "safety checker" not in without.summary
    assert with_it.parameters > without.parameters


def test_a_checker_whose_files_are_not_here_is_left_out(folder: Callable[[float], Path]) -> None:
    copied = folder(-2.0)
    shutil.rmtree(copied / "safety_checker")

    assert all(medium.data.any() for medium in drawn(copied))
