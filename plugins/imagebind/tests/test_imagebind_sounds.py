"""Sound becomes mel bands by Kaldi's definitions, after resampling by a windowed sinc."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from nextgpt_imagebind.sounds import log_mel, mel_bands, resampled, sound
from nextgpt_registry.media import Media


def noise(samples: int, seed: int = 0) -> Any:
    return (0.3 * np.random.default_rng(seed).normal(size=samples)).clip(-1, 1).astype(np.float32)


def test_a_frame_by_the_definition() -> None:
    """One frame, step by step: mean, pre-emphasis, window, transform, triangles in mel."""
    wave = noise(400)

    found = log_mel(torch.from_numpy(wave))

    centred = [float(x) - float(wave.mean(dtype=np.float64)) for x in wave]
    raised = [x - 0.97 * centred[max(n - 1, 0)] for n, x in enumerate(centred)]
    cut = [x * (0.5 - 0.5 * math.cos(2 * math.pi * n / 399)) for n, x in enumerate(raised)]
    powers = [
        abs(sum(x * cmath.exp(-2j * math.pi * n * k / 512) for n, x in enumerate(cut))) ** 2
        for k in range(256)
    ]

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    step = (mel(8000) - mel(20)) / 129
    assert found.shape == (1, 128)
    for band in (3, 40, 90, 127):
        left, middle, right = (mel(20) + step * (band + n) for n in range(3))
        energy = 0.0
        for k, power in enumerate(powers):
            m = mel(31.25 * k)
            energy += (
                max(0.0, min((m - left) / (middle - left), (right - m) / (right - middle))) * power
            )
        wanted = math.log(max(energy, 2**-23))
        assert float(found[0, band]) == pytest.approx(wanted, abs=2e-3)


@pytest.mark.filterwarnings("ignore:At least one mel filter")  # the lowest are narrower than a bin
def test_bands_agree_with_an_independent_library() -> None:
    """transformers' numpy functions, set as its AST sets them where there is no torchaudio."""
    bands = mel_filter_bank(
        num_frequency_bins=257,
        num_mel_filters=128,
        min_frequency=20,
        max_frequency=8000,
        sampling_rate=16000,
        norm=None,
        mel_scale="kaldi",
        triangularize_in_mel_space=True,
    )
    wave = noise(16000)

    theirs = spectrogram(
        wave,
        window_function(400, "hann", periodic=False),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=bands,
        log_mel="log",
        mel_floor=1.192092955078125e-07,
        remove_dc_offset=True,
    ).T

    np.testing.assert_allclose(mel_bands().numpy(), bands.T, atol=2e-4)
    np.testing.assert_allclose(log_mel(torch.from_numpy(wave)).numpy(), theirs, atol=0.02)


def test_clips_begin_at_each_third_of_what_is_longer_than_one() -> None:
    wave = noise(5 * 16000)

    seen = sound(Media("audio", wave, 16000.0))

    assert seen.shape == (3, 1, 128, 204)
    for clip, first in zip(seen, (0, 16000, 32000), strict=True):
        part = torch.from_numpy(wave[first : first + 32000])
        bands = log_mel(part - part.mean()).T
        torch.testing.assert_close(clip[0, :, :198], (bands + 4.268) / 9.138)


def test_a_clip_of_a_resampled_sound_is_that_of_the_whole_resampled() -> None:
    wave = noise(3 * 44100)
    whole = resampled(wave, 44100, 0, 48000)

    seen = sound(Media("audio", wave, 44100.0))

    second = torch.from_numpy(whole[5333 : 5333 + 32000])  # int(16000 / 3)
    bands = log_mel(second - second.mean()).T
    torch.testing.assert_close(seen[1, 0, :, :198], (bands + 4.268) / 9.138)


def test_what_a_short_sound_lacks_is_zero_before_it_is_normalised() -> None:
    seen = sound(Media("audio", noise(8000), 16000.0))

    frames = 1 + (8000 - 400) // 160
    torch.testing.assert_close(seen[0], seen[2])
    assert seen[0, 0, :, frames:].unique().tolist() == pytest.approx([4.268 / 9.138])
    assert sound(Media("audio", noise(100), 16000.0)).isfinite().all()  # not one frame


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_is_the_windowed_sinc(rate: int) -> None:
    wave = noise(rate // 20)
    made = -(-len(wave) * 16000 // rate)

    found = resampled(wave, rate, 0, made)

    lower = min(rate, 16000) * 0.99
    for n in (0, 1, made // 2, made - 1):
        wanted = 0.0
        for k, x in enumerate(wave):
            t = lower * (n / 16000 - k / rate)
            if abs(t) < 6:
                sinc = 1.0 if t == 0 else math.sin(math.pi * t) / (math.pi * t)
                wanted += float(x) * sinc * math.cos(math.pi * t / 12) ** 2 * lower / rate
        assert float(found[n]) == pytest.approx(wanted, abs=1e-5)


def test_a_part_is_resampled_as_the_whole_is() -> None:
    wave = noise(44100)

    whole = resampled(wave, 44100, 0, 16000)

    np.testing.assert_array_equal(resampled(wave, 44100, 5000, 9000), whole[5000:9000])


def test_a_tone_keeps_its_pitch_and_what_cannot_be_held_is_gone() -> None:
    times = np.arange(44100) / 44100
    low, high = (np.sin(2 * np.pi * f * times).astype(np.float32) for f in (1000, 12000))

    kept, gone = (resampled(wave, 44100, 2000, 14000) for wave in (low, high))

    wanted = np.sin(2 * np.pi * 1000 * np.arange(2000, 14000) / 16000)
    np.testing.assert_allclose(kept, wanted, atol=0.01)
    assert np.abs(gone).max() < 0.02
