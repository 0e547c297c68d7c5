"""mini's encoders and decoders: what is declared is what comes out. Twins: same classes, small."""

import numpy as np
import pytest
import torch

from nextgpt_mini import spectrogram
from nextgpt_mini.decoders import resample
from nextgpt_mini.plugin import nextgpt_manifest
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


def test_batching_changes_a_medium_by_rounding_only(decoder):
    _, live = decoder
    conditions = live.caption_targets(["a cat", "a dog"])
    one = {"text": conditions["text"][1:]}

    together = live.decode(conditions, generators=seeds(1, 2))[1].data.astype(float)
    alone = live.decode(one, generators=seeds(2))[0].data.astype(float)

    scale = 255 if together.ndim > 1 else 1
    assert np.abs(together - alone).max() / scale <= 2 / 255


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
