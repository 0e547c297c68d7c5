"""What is declared of the encoders of sound is so: full size without weights, live as twins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from transformers.models.clap import ClapConfig, ClapModel
from transformers.models.whisper import WhisperForConditionalGeneration

from nextgpt_audio import from_array
from nextgpt_audio.encoders import ENCODERS
from nextgpt_audio.waves import resample, start_of
from nextgpt_registry.errors import SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Encoder
from nextgpt_registry.targets import options_model, resolve


def tone(hertz: float, seconds: float, rate: int) -> Any:
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def sound(hertz: float, seconds: float, rate: int) -> Media:
    return from_array(tone(hertz, seconds, rate), rate)


SHORT, LONG = sound(440, 0.4, 22_050), sound(1000, 31, 16_000)

each = pytest.mark.parametrize("spec", ENCODERS, ids=lambda spec: spec.name)


def build(spec: Encoder, **options: Any) -> Any:
    assert spec.options is not None
    return resolve(spec.target)(options_model(spec.options)(**options)).eval()


def named(name: str) -> Encoder:
    return next(spec for spec in ENCODERS if spec.name == name)


def test_the_rate_of_a_file_does_not_change_what_is_heard() -> None:
    encoder = build(named("whisper-tiny"), narrow=16)

    mels = encoder.preprocess([sound(440, 1, rate) for rate in (16_000, 44_100, 48_000)])

    heard = mels[:, :, 10:90]
    assert torch.allclose(heard[0], heard[1], atol=0.15)
    assert torch.allclose(heard[0], heard[2], atol=0.15)


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 44_101, 48_000]),
    wanted=st.sampled_from([16_000, 48_000]),
    seconds=st.floats(0.2, 1.5),
)
def test_resampling_keeps_a_tone(rate: int, wanted: int, seconds: float) -> None:
    made = resample(tone(440, seconds, rate), rate, wanted)

    clean = tone(440, len(made) / wanted, wanted)
    assert len(made) == pytest.approx(seconds * wanted, abs=3)
    edge = wanted // 20
    assert np.abs(made - clean)[edge:-edge].max() < 0.01


def test_one_sample_is_resampled() -> None:
    assert resample(np.ones(1, np.float32), 8000, 16_000).shape == (2,)
    assert resample(np.ones(1, np.float32), 48_000, 16_000).shape == (1,)


def test_only_the_start_of_a_long_sound_is_taken() -> None:
    assert start_of(LONG, rate=16_000, seconds=30).shape == (480_000,)


def test_weights_are_found_in_a_whole_published_whisper(tmp_path: Path) -> None:
    encoder = build(named("whisper-tiny"), narrow=16)
    config = encoder.model.config
    config.decoder_layers, config.decoder_ffn_dim, config.decoder_attention_heads = 1, 8, 2
    whole = WhisperForConditionalGeneration(config)
    whole.save_pretrained(tmp_path)

    encoder.load({"model": tmp_path / "model.safetensors"})

    wanted = whole.model.encoder.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in encoder.model.state_dict().items())


def test_weights_are_found_in_a_whole_published_clap(tmp_path: Path) -> None:
    encoder = build(named("clap-htsat-unfused"), narrow=16)
    text = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "vocab_size": 9,
    }
    whole = ClapModel(ClapConfig(text_config=text, audio_config=encoder.model.config.to_dict()))
    whole.save_pretrained(tmp_path)

    encoder.load({"model": tmp_path / "model.safetensors"})

    wanted = whole.audio_model.state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in encoder.model.state_dict().items())


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    save_file({"model.encoder.conv1.weight": torch.zeros(4)}, tmp_path / "m")

    with pytest.raises(SourceError, match="tensors do not fit"):
        build(named("whisper-tiny"), narrow=16).load({"model": tmp_path / "m"})


@each
def test_sound_beyond_what_is_heard_is_told_of(spec: Encoder) -> None:
    encoder = build(spec, narrow=16)
    seconds = 30 if spec.name.startswith("whisper") else 10
    whole, long = (sound(440, s, 8000) for s in (seconds, 2 * seconds))

    assert encoder.left_out(whole) == ""
    assert encoder.left_out(long) == (f"lasts {2 * seconds} s: the first {seconds} s are heard")
