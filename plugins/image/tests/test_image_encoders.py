"""What is declared of the encoders of pictures is so: full size without weights, live as twins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers.models.clip import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from nextgpt_image import from_array
from nextgpt_image.encoders import ENCODERS
from nextgpt_registry.errors import SourceError
from nextgpt_registry.specs import Encoder
from nextgpt_registry.targets import options_model, resolve

RNG = np.random.default_rng(0)
WIDE = from_array(RNG.integers(0, 255, (30, 47, 3), np.uint8))
TALL = from_array(RNG.integers(0, 255, (90, 41, 3), np.uint8))

each = pytest.mark.parametrize("spec", ENCODERS, ids=lambda spec: spec.name)


def build(spec: Encoder, **options: Any) -> Any:
    assert spec.options is not None
    return resolve(spec.target)(options_model(spec.options)(**options)).eval()


def named(name: str) -> Encoder:
    return next(spec for spec in ENCODERS if spec.name == name)


def test_a_picture_alone_and_in_a_batch_has_the_same_features() -> None:
    for spec in ENCODERS:
        encoder = build(spec, **spec.twin)
        with torch.no_grad():
            alone = encoder(encoder.preprocess([WIDE]))[0]
            both = encoder(encoder.preprocess([WIDE, TALL]))[0]

        assert torch.allclose(both[: len(alone)], alone, atol=1e-5), spec.name
        assert not both[len(alone) :].any(), spec.name


def test_pictures_are_prepared_as_clip_was_trained() -> None:
    reference = CLIPImageProcessorPil()

    mine = build(named("clip-b32"), narrow=8).preprocess([WIDE, TALL])

    for pixels, medium in zip(mine, (WIDE, TALL), strict=True):
        theirs = reference(medium.data, return_tensors="pt").pixel_values[0]
        assert torch.allclose(pixels, theirs, atol=1e-5)


def test_pictures_are_prepared_as_siglip2_was_trained() -> None:
    reference = SiglipImageProcessorPil(size={"height": 384, "width": 384}, resample=2)

    mine = build(named("siglip2-so400m"), narrow=8).preprocess([TALL])

    theirs = reference(TALL.data, return_tensors="pt").pixel_values
    assert torch.allclose(mine, theirs, atol=1e-5)


def test_pictures_are_prepared_as_siglip2_naflex_was_trained() -> None:
    reference = Siglip2ImageProcessorPil()

    mine = build(named("siglip2-base-naflex"), narrow=8).preprocess([TALL])

    theirs = reference(TALL.data, return_tensors="pt")
    tokens = mine["pixel_values"].shape[1]
    assert mine["spatial_shapes"].tolist() == theirs.spatial_shapes.tolist()
    assert torch.allclose(mine["pixel_values"], theirs.pixel_values[:, :tokens], atol=1e-5)


def test_weights_are_found_in_a_whole_published_model(tmp_path: Path) -> None:
    encoder = build(named("clip-b32"), narrow=16)
    whole = CLIPModel(
        CLIPConfig(
            text_config={
                "hidden_size": 8,
                "intermediate_size": 8,
                "num_hidden_layers": 1,
                "num_attention_heads": 1,
                "vocab_size": 9,
            },
            vision_config=encoder.model.config.to_dict(),
        )
    )
    whole.save_pretrained(tmp_path)

    encoder.load({"model": tmp_path / "model.safetensors"})

    wanted = whole.vision_model.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in encoder.model.state_dict().items())


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file({"vision_model.embeddings.class_embedding": torch.zeros(4)}, tmp_path / "m")

    with pytest.raises(SourceError, match="tensors do not fit"):
        build(named("clip-b32"), narrow=16).load({"model": tmp_path / "m"})


def test_a_line_of_pixels_is_encoded_without_filling_the_memory() -> None:
    line = from_array(np.zeros((1, 1_000_000, 3), np.uint8))

    for spec in ENCODERS:
        assert build(spec, **spec.twin).preprocess([line]) is not None


def test_pictures_of_which_less_than_half_is_seen_are_told_of() -> None:
    clip = next(spec for spec in ENCODERS if spec.name.startswith("clip"))
    encoder = build(clip, narrow=8)
    square, wide = (from_array(np.zeros((10, side, 3), np.uint8)) for side in (20, 21))

    assert encoder.left_out(square) == ""
    assert encoder.left_out(wide) == "is 21x10 pixels: the middle 10x10 are seen"
