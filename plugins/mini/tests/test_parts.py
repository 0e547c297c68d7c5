"""mini's encoders and decoders: what is declared is what comes out. Twins: same classes, small."""

import numpy as np
import pytest
import torch
from torch.nn.functional import batch_norm, conv2d

from nextgpt_mini import efficientnet, spectrogram
from nextgpt_mini.decoders import resample
from nextgpt_mini.plugin import nextgpt_manifest
from nextgpt_mini.train.parts import WEIGHTS
from nextgpt_registry.errors import Cancelled, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_registry.targets import resolve

MANIFEST = nextgpt_manifest()
RNG = np.random.default_rng(0)
SHOWN = {
    "image": Media("image", RNG.integers(0, 256, (50, 70, 3), np.uint8)),
    "video": Media("video", RNG.integers(0, 256, (5, 40, 40, 3), np.uint8), 4.0),
    "audio": Media("audio", RNG.normal(0, 0.1, 30_000).astype(np.float32), 22_050.0),
}
OTHER = {
    "image": Media("image", RNG.integers(0, 256, (64, 64, 3), np.uint8)),
    "video": Media("video", RNG.integers(0, 256, (9, 64, 64, 3), np.uint8), 4.0),
    "audio": Media("audio", RNG.normal(0, 0.1, 100_000).astype(np.float32), 16_000.0),
}


def build(spec: Encoder | Decoder):
    torch.manual_seed(0)
    return resolve(spec.target)(resolve(spec.options)(**spec.twin))


def seeds(*numbers: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(n) for n in numbers]


@pytest.fixture(params=MANIFEST.encoders, ids=lambda spec: spec.name, scope="module")
def encoder(request):
    return request.param, build(request.param)


@pytest.fixture(params=MANIFEST.decoders, ids=lambda spec: spec.name, scope="module")
def decoder(request):
    return request.param, build(request.param)


@torch.no_grad()
def test_encoder_gives_the_features_it_declares(encoder):
    spec, live = encoder
    media = [SHOWN[spec.modality], OTHER[spec.modality]]

    together = live(live.preprocess(media))
    alone = torch.cat([live(live.preprocess([m])) for m in media])

    assert together.shape == (2, spec.tokens, spec.width)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("spec", [*MANIFEST.encoders, *MANIFEST.decoders], ids=lambda s: s.name)
def test_declared_parameters_are_those_of_the_full_size(spec):
    live = resolve(spec.target)(resolve(spec.options)())

    assert sum(p.numel() for p in live.parameters()) == spec.parameters


def test_decoder_makes_a_medium_per_condition(decoder):
    spec, live = decoder
    conditions = live.caption_targets(["a cat on a red background", "a bell twice"])

    media = live.decode(conditions, generators=seeds(1, 2))

    assert conditions["text"].shape == (2, spec.conditions[0].tokens, spec.conditions[0].width)
    assert [m.modality for m in media] == [spec.modality] * 2
    assert media[0] != media[1]


def test_decoder_repeats_itself_and_leaves_the_global_generator_alone(decoder):
    _, live = decoder
    conditions = live.caption_targets(["a cat"])
    before = torch.get_rng_state()

    first, second = (live.decode(conditions, generators=seeds(5)) for _ in range(2))

    assert first == second
    assert torch.equal(before, torch.get_rng_state())


def in_company_and_alone(live, captions):
    """The second of two media, made with the first and without it."""
    conditions = live.caption_targets(captions)
    one = {"text": conditions["text"][1:]}
    together = live.decode(conditions, generators=seeds(1, 2))[1].data.astype(float)
    return together, live.decode(one, generators=seeds(2))[0].data.astype(float)


def test_batching_changes_a_medium_by_rounding_only(decoder):
    _, live = decoder

    together, alone = in_company_and_alone(live, ["a cat", "a dog"])

    scale = 255 if together.ndim > 1 else 1
    assert np.abs(together - alone).max() / scale <= 2 / 255


@pytest.mark.parametrize("spec", MANIFEST.decoders, ids=lambda spec: spec.name)
def test_batching_changes_a_trained_medium_by_rounding_only(spec):
    live = resolve(spec.target)(resolve(spec.options)())
    name = spec.name.removeprefix("mini-")
    files = {"text": "text", "latents": f"{name}-latents", "denoiser": name}
    if spec.modality == "audio":
        files["vocoder"] = "vocoder"
    live.load({part: WEIGHTS / f"{file}.safetensors" for part, file in files.items()})

    together, alone = in_company_and_alone(
        live, ["the sound of a drum", "the sound of a bell twice"]
    )

    error = together - alone
    if spec.modality == "audio":
        assert 10 * np.log10(np.mean(error**2)) < -60  # of full scale
    else:
        assert np.abs(error).max() <= 2


def test_decoder_can_be_cancelled_at_a_step(decoder):
    _, live = decoder
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        live.decode(live.caption_targets(["a cat"]), generators=seeds(1), on_step=stop)

    assert seen == [(0, 2), (1, 2)]


def test_denoising_loss_reaches_the_conditions(decoder):
    spec, live = decoder
    text = live.caption_targets(["a cat", "a dog"])["text"].clone().requires_grad_()
    media = [SHOWN[spec.modality], OTHER[spec.modality]]

    losses = live.denoising_loss(media, {"text": text}, seeds(1, 2))
    losses.sum().backward()

    assert losses.shape == (2,)
    assert torch.isfinite(losses).all()
    assert text.grad.abs().sum() > 0


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
