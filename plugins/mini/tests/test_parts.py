"""mini's encoders and decoders beyond what the conformance kit says: trained weights, details."""

import numpy as np
import pytest
import torch
from drawing import draw
from torch.nn.functional import batch_norm, conv2d

from nextgpt_mini import efficientnet, spectrogram
from nextgpt_mini.decoders import resample
from nextgpt_mini.plugin import nextgpt_manifest
from nextgpt_mini.train.parts import WEIGHTS
from nextgpt_registry.errors import SourceError
from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_registry.targets import resolve

MANIFEST = nextgpt_manifest()


def build(spec: Encoder | Decoder):
    torch.manual_seed(0)
    return resolve(spec.target)(resolve(spec.options)(**spec.twin))


def trained(spec: Decoder):
    live = resolve(spec.target)(resolve(spec.options)())
    files = {"text": "text", "denoiser": spec.name.removeprefix("mini-")}
    if spec.modality == "audio":
        files |= {"latents": "sound-latents", "vocoder": "vocoder"}
    else:
        files["latents"] = "picture-latents"
    live.load({part: WEIGHTS / f"{file}.safetensors" for part, file in files.items()})
    return live


@pytest.mark.parametrize("spec", MANIFEST.decoders, ids=lambda spec: spec.name)
def test_batching_changes_a_trained_medium_by_rounding_only(spec):
    live = trained(spec)

    conditions = live.caption_targets(["the sound of a drum", "the sound of a bell twice"])
    together, alone = (
        draw(live, {"text": text}, *numbers)[-1].data.astype(float)
        for text, numbers in ((conditions["text"], (1, 2)), (conditions["text"][1:], (2,)))
    )

    error = together - alone
    if spec.modality == "audio":
        assert 10 * np.log10(np.mean(error**2)) < -60  # of full scale
    else:
        assert np.abs(error).max() <= 2


def test_the_few_steps_of_a_picture_come_near_what_many_come_to():
    live = trained(next(d for d in MANIFEST.decoders if d.modality == "image"))
    conditions = live.caption_targets(["a cat on a red background", "two stars on blue"])

    few, many = (
        np.stack([medium.data.astype(float) for medium in draw(live, conditions, 1, 2, **options)])
        for options in ({}, {"steps": 32})
    )

    assert np.abs(few - many).mean() < 5  # of 255; those of other seeds differ by 8


def test_sound_survives_the_spectrogram():
    time = torch.arange(spectrogram.SAMPLES) / spectrogram.RATE
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * time)[None]

    mel = spectrogram.to_mel(tone)
    back = spectrogram.to_mel(spectrogram.to_sound(mel))

    assert mel.shape == (1, spectrogram.MELS, spectrogram.FRAMES)
    assert (mel - back).abs().mean() < 0.1


def test_resampling_keeps_the_pitch():
    time = torch.arange(8_000) / 8_000
    tone = torch.sin(2 * torch.pi * 440 * time)

    resampled = resample(tone, 8_000)

    assert len(resampled) == 16_000
    assert torch.fft.rfft(resampled).abs().argmax() == 440


def test_file_that_is_no_whisper_is_refused(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x06\x00\x00\x00junk")
    spec = next(e for e in MANIFEST.encoders if e.modality == "audio")

    with pytest.raises(SourceError, match=r"model\.bin"):
        build(spec).load({"model": path})


@torch.no_grad()
def test_normalisations_are_folded_into_the_convolutions_before_them():
    torch.manual_seed(0)
    published = {"_conv_stem.weight": torch.randn(32, 3, 3, 3)}
    told = {"weight": 1.5, "bias": 0.3, "running_mean": 0.7, "running_var": 2.0}
    published |= {f"_bn0.{name}": torch.rand(32) + value for name, value in told.items()}
    published |= {"_bn0.num_batches_tracked": torch.tensor(1), "_fc.weight": torch.ones(3, 4)}
    x = torch.randn(2, 3, 8, 8)

    state = efficientnet.folded(published)

    mean, var, weight, bias = (
        published[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    plain = batch_norm(conv2d(x, published["_conv_stem.weight"]), mean, var, weight, bias, eps=1e-3)
    torch.testing.assert_close(
        conv2d(x, state["_conv_stem.weight"], state["_conv_stem.bias"]), plain, atol=1e-5, rtol=1e-4
    )
    assert set(state) == {"_conv_stem.weight", "_conv_stem.bias"}
