"""Sound as ImageBind was trained on it: three clips of mel bands. Knows no model.

The mel bands are Kaldi's `compute-fbank-feats` (Povey et al., 2011; `feat/mel-computations` and
`feat/feature-window` of its source), the resampling a sinc under a Hann window, both as torchaudio
defines them, written from those definitions.

Legend: N samples, M mel bands, F frames.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nextgpt_imagebind.clips import SECONDS, starts
from nextgpt_registry.media import Media

RATE = 16_000
CLIPS = 3
BANDS = 128
FRAMES = 204
_MEAN, _STD = -4.268, 9.138
_WINDOW, _HOP, _FFT = 400, 160, 512  # samples: 25 ms, 10 ms, the next power of two
_LOWEST = 20.0  # hertz, of the lowest band
_EMPHASIS = 0.97
_ZEROS, _ROLLOFF = 6, 0.99  # of the sinc on each side; of the lower half rate


def sound(media: Media) -> Tensor:
    """float32 (N,) -> (3, 1, 128, 204), normalised.

    Frames that a short clip lacks are zeros before normalisation, as in the original.
    """
    rate = int(media.rate or RATE)
    whole = -(-len(media.data) * RATE // rate)
    clips = []
    for start in starts(whole / RATE, CLIPS):
        first, after = int(start * RATE), int((start + SECONDS) * RATE)
        wave = torch.from_numpy(resampled(media.data, rate, first, min(after, whole)))
        bands = log_mel(wave - wave.mean()).T[:, :FRAMES]
        clips.append(torch.nn.functional.pad(bands, (0, FRAMES - bands.shape[1])))
    return (torch.stack(clips)[:, None] - _MEAN) / _STD


def log_mel(wave: Tensor) -> Tensor:
    """(N,) at 16 kHz -> (F, M): natural logarithms of the power in each band."""
    if len(wave) < _WINDOW:
        return wave.new_zeros(0, BANDS)
    frames = wave.unfold(0, _WINDOW, _HOP)
    frames = frames - frames.mean(1, keepdim=True)
    before = torch.cat((frames[:, :1], frames[:, :-1]), dim=1)
    frames = (frames - _EMPHASIS * before) * torch.hann_window(_WINDOW, periodic=False)
    power = torch.fft.rfft(frames, _FFT).abs().square()
    return (power @ mel_bands().T).clamp(min=torch.finfo(torch.float32).eps).log()


def mel_bands() -> Tensor:
    """(M, 257) triangles over the bins of the transform, even in mel; the last bin is 0."""
    low, high = _mel(torch.tensor(_LOWEST)), _mel(torch.tensor(RATE / 2))
    edges = low + (high - low) * torch.arange(BANDS + 2) / (BANDS + 1)
    bins = _mel(torch.arange(_FFT // 2) * (RATE / _FFT))
    left, middle, right = (edges[n : n + BANDS, None] for n in range(3))
    rise, fall = (bins - left) / (middle - left), (right - bins) / (right - middle)
    triangles = torch.minimum(rise, fall).clamp(min=0)
    return torch.nn.functional.pad(triangles, (0, 1))


def resampled(wave: Any, rate: int, first: int, last: int) -> Any:
    """The samples from `first` to `last` of a sound brought from `rate` to 16 kHz, float32."""
    if rate == RATE:
        return np.array(wave[first:last], np.float32)
    lower = min(rate, RATE) * _ROLLOFF
    around = np.arange(-math.ceil(_ZEROS * rate / lower), math.ceil(_ZEROS * rate / lower) + 2)
    made = np.empty(last - first, np.float32)
    for at in range(first, last, RATE // 4):  # in parts: a high rate takes many around each
        wanted = np.arange(at, min(at + RATE // 4, last), dtype=np.int64)
        near = (wanted * rate // RATE)[:, None] + around
        away = (near / rate - wanted[:, None] / RATE) * lower
        kernel = np.sinc(away) * np.cos(np.pi * away.clip(-_ZEROS, _ZEROS) / _ZEROS / 2) ** 2
        there = (near >= 0) & (near < len(wave))
        heard = np.where(there, wave[near.clip(0, len(wave) - 1)], 0)
        made[wanted - first] = (heard * kernel).sum(1) * (lower / rate)
    return made


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hertz / 700)
