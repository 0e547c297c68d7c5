"""The vocoder and its training, on committed samples and with a small twin."""

import math
from random import Random

import pytest
import torch

from nextgpt_core.training.module import Run
from nextgpt_mini.latents import Latents
from nextgpt_mini.spectrogram import HOP, MELS, RATE, mel_bands, to_mel
from nextgpt_mini.train.inversions import frechet, held_out_sounds, measure, table
from nextgpt_mini.train.vocoder import Pair, crops, phase_loss, spectral_loss, train_vocoder
from nextgpt_mini.vocoder import BINS, Vocoder
from nextgpt_world.library import Library

TWIN = {"width": 16, "layers": 1}
STEPS = 3


@pytest.fixture(scope="module")
def library():
    return Library.samples()


@pytest.fixture(scope="module")
def latents():
    return Latents(1, 16, 4)


def fresh() -> Vocoder:
    torch.manual_seed(0)
    return Vocoder(**TWIN).eval()


def noise(*size: int) -> torch.Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(1)) * 2 - 1


@torch.no_grad()
@pytest.mark.parametrize("frames", [3, 12, 192])
def test_any_number_of_frames_gives_a_hop_of_samples_each(frames):
    sound = fresh()(noise(2, MELS, frames))

    assert sound.shape == (2, frames * HOP)
    assert sound.isfinite().all()


@torch.no_grad()
def test_company_changes_a_sound_by_rounding_only():
    vocoder, mel = fresh(), noise(3, MELS, 24)

    together, alone = vocoder(mel), torch.cat([vocoder(one[None]) for one in mel])

    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@torch.no_grad()
def test_silence_stays_silent_before_any_training():
    silence = to_mel(torch.zeros(1, 8 * HOP))

    assert fresh()(silence).abs().max() < 1e-3


@torch.no_grad()
def test_a_predicted_turn_makes_a_tone_between_the_multiples_of_the_frame_rate():
    frames, hertz = 64, 1010.0  # the frame rate is 62.5 Hz: its nearest multiple is 1000 Hz
    mel = to_mel(0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(frames * HOP) / RATE)[None])
    predicted = torch.zeros(1, frames + 1, 4 * BINS + 2 * MELS)
    turn = 2 * torch.pi * hertz * HOP / RATE - torch.arange(BINS) % 4 * torch.pi / 2
    predicted[..., BINS : 2 * BINS] = turn
    predicted[:, 0, 2 * BINS : 3 * BINS] = 1.0  # struck once

    spectrum = Vocoder.spectrum(mel, predicted)

    window = torch.hann_window(1024)
    sound = torch.istft(spectrum, 1024, HOP, window=window, length=RATE)
    peak = torch.fft.rfft(sound).abs()[0].argmax()
    assert abs(int(peak) - hertz) <= 1


def test_bands_spread_over_every_bin_by_whole_shares():
    spread, level = mel_bands()

    assert spread.shape == (MELS, BINS)
    assert level.shape == (MELS,)
    torch.testing.assert_close(spread.sum(0), torch.ones(BINS))


def test_the_same_sound_has_no_loss(library):
    sounds = crops(library, Random(0), 2, 16)
    spectrum = torch.stft(sounds, 1024, HOP, window=torch.hann_window(1024), return_complex=True)

    assert spectral_loss(sounds, sounds).item() == pytest.approx(0, abs=1e-6)
    assert phase_loss(spectrum, sounds).item() == pytest.approx(0, abs=1e-6)
    assert spectral_loss(sounds.roll(1, 0), sounds) > 1


@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # torch, under autocast
def test_judges_learn_from_sounds_and_the_vocoder_from_judges(library):
    pair = Pair(fresh())
    sounds = crops(library, Random(0), 2, 16)
    mel = to_mel(sounds)

    plain = torch.autograd.grad(pair(sounds, mel, False), pair.vocoder.head.weight)[0]
    pair(sounds, mel, True).backward()

    assert not torch.equal(plain, pair.vocoder.head.weight.grad)
    assert all(p.grad is not None for p in pair.discriminators.parameters())


def train(folder, library, latents, *, dies_at=None):
    vocoder = fresh()
    run = Run(folder, STEPS, save_s=0.0, sample_s=0.0)

    def die():
        if run.step == dies_at:
            raise KeyboardInterrupt

    train_vocoder(vocoder, latents, library, run, batch=2, adversarial_from=1, sample=die)
    return vocoder.state_dict()


@pytest.mark.filterwarnings("ignore:Mismatch dtype")
def test_a_killed_vocoder_goes_on_bit_for_bit(tmp_path, library, latents):
    whole = train(tmp_path / "whole", library, latents)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", library, latents, dies_at=2)

    resumed = train(tmp_path / "killed", library, latents)

    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_inversions_are_measured_for_both_ways_and_both_spectrograms(library, latents):
    rows = measure(held_out_sounds(library, 3), fresh(), latents)

    lines = table(rows).splitlines()
    assert [(r.way, r.given) for r in rows] == [
        (way, given) for given in ("its mel", "its latents") for way in ("Griffin-Lim", "vocoder")
    ]
    assert rows[0].mel < rows[1].mel  # untrained
    assert len(lines) == 2 + len(rows)


def test_frechet_distance_is_that_of_the_formula():
    one = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))

    assert frechet(one, one) == pytest.approx(0, abs=1e-6)
    assert frechet(one, one + 2) == pytest.approx(4 * 2**2)
    assert frechet(one, 3 * one - 2 * one.mean(0)) == pytest.approx(
        4 * torch.cov(one.T).trace().item(), rel=1e-5
    )
    assert math.isfinite(frechet(one, one[:3]))
