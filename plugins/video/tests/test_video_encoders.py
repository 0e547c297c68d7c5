"""What is declared of the encoders of videos is so: full size without weights, live as twins."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers.models.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from transformers.models.videomae import modeling_videomae as modeling
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from nextgpt_registry.errors import SourceError
from nextgpt_registry.specs import Encoder
from nextgpt_registry.targets import options_model, resolve
from nextgpt_video import from_array
from nextgpt_video.encoders import ENCODERS
from nextgpt_video.frames import chosen

RNG = np.random.default_rng(0)
SHORT = from_array(RNG.integers(0, 255, (5, 20, 30, 3), np.uint8), 8)
LONG = from_array(RNG.integers(0, 255, (40, 33, 21, 3), np.uint8), 8)

each = pytest.mark.parametrize("spec", ENCODERS, ids=lambda spec: spec.name)


@pytest.fixture(autouse=True, scope="module")
def _each_table_of_positions_is_computed_once() -> Iterator[None]:
    """They take seconds, in plain Python."""
    with pytest.MonkeyPatch.context() as patch:
        once = cache(modeling.get_sinusoid_encoding_table)
        patch.setattr(modeling, "get_sinusoid_encoding_table", once)
        yield


def build(spec: Encoder, **options: Any) -> Any:
    assert spec.options is not None
    return resolve(spec.target)(options_model(spec.options)(**options)).eval()


def named(name: str) -> Encoder:
    return next(spec for spec in ENCODERS if spec.name == name)


def test_frames_are_spread_over_the_whole_film() -> None:
    assert chosen(16, 16) == list(range(16))
    assert chosen(1, 4) == [0, 0, 0, 0]
    assert chosen(32, 4) == [4, 12, 20, 28]


def test_frames_are_prepared_as_videomae_was_trained() -> None:
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    reference = VideoMAEImageProcessorPil(image_mean=mean, image_std=std)

    mine = build(named("videomae-base"), narrow=8).preprocess([LONG])

    frames = [LONG.data[n] for n in chosen(40, 16)]
    theirs = reference(frames, return_tensors="pt").pixel_values
    assert torch.allclose(mine, theirs, atol=1e-5)


def test_frames_are_encoded_one_by_one_and_in_order() -> None:
    encoder = build(named("clip-b32-frames"), narrow=16)
    still = from_array(np.repeat(LONG.data[:1], 8, axis=0), 8)
    cut = from_array(np.concatenate([LONG.data[:1], *[LONG.data[9:10]] * 7]), 8)

    with torch.no_grad():
        held, moved = encoder(encoder.preprocess([still, cut])).unflatten(1, (8, 49))

    assert torch.allclose(held[0], held[7], atol=1e-5)
    assert torch.allclose(held[0], moved[0], atol=1e-5)
    assert not torch.allclose(held[1], moved[1], atol=1e-2)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("videomae-base", VideoMAEForPreTraining),
        ("videomae-base-kinetics", VideoMAEForVideoClassification),
    ],
)
def test_weights_are_found_in_a_whole_published_model(name: str, kind: Any, tmp_path: Path) -> None:
    encoder = build(named(name), narrow=16)
    config = encoder.model.config
    config.decoder_num_hidden_layers, config.decoder_hidden_size = 1, 8
    config.decoder_intermediate_size, config.decoder_num_attention_heads = 8, 2
    whole = kind(config)
    whole.save_pretrained(tmp_path)

    encoder.load({"model": tmp_path / "model.safetensors"})

    wanted = whole.videomae.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in encoder.model.state_dict().items())


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file({"vision_model.embeddings.class_embedding": torch.zeros(4)}, tmp_path / "m")

    for name in ("clip-b32-frames", "videomae-base"):
        with pytest.raises(SourceError, match="tensors do not fit"):
            build(named(name), narrow=16).load({"model": tmp_path / "m"})


@each
def test_films_of_which_little_is_seen_are_told_of(spec: Encoder) -> None:
    encoder = build(spec, narrow=8)
    frames = 16 if spec.name.startswith("videomae") else 8
    long = from_array(np.zeros((40, 8, 8, 3), np.uint8), 2)
    wide = from_array(np.zeros((2, 8, 24, 3), np.uint8), 8)

    assert encoder.left_out(SHORT) == encoder.left_out(LONG) == ""
    assert encoder.left_out(long) == f"lasts 20 s: {frames} frames, evenly chosen, are seen"
    assert encoder.left_out(wide) == "is 24x8 pixels: the middle 8x8 are seen"
