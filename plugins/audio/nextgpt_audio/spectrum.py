"""Sound to the log mel spectrum that AudioLDM's autoencoder was trained on. Knows no model.

Legend: N samples, F frames, M mel bands.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from nextgpt_audio.cards import HOP, MELS, RATE
from nextgpt_audio.waves import start_of
from nextgpt_registry.media import Media

_WINDOW = 1024
_LOUD = 0.5  # the peak that training sounds were brought to
_FLOOR = 1e-5


def log_mel(media: Media, *, seconds: float, frames_of: int) -> Tensor:
    """A sound -> (F, M), its start or followed by silence; F a multiple of `frames_of`."""
    frames = -(-round(seconds * RATE) // (HOP * frames_of)) * frames_of
    heard = torch.from_numpy(np.array(start_of(media, rate=RATE, seconds=seconds)))
    centred = heard - heard.mean()
    centred = centred * (_LOUD / (centred.abs().max() + 1e-8))
    wave = torch.zeros(frames * HOP)
    wave[: len(centred)] = centred[: len(wave)]
    bins = torch.stft(
        wave,
        _WINDOW,
        hop_length=HOP,
        window=torch.hann_window(_WINDOW),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    ).abs()
    bands = torch.from_numpy(_filters()).float()
    return (bands.T @ bins).clamp(min=_FLOOR).log().T[:frames]


def _filters() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    found = mel_filter_bank(
        num_frequency_bins=_WINDOW // 2 + 1,
        num_mel_filters=MELS,
        min_frequency=0,
        max_frequency=RATE / 2,
        sampling_rate=RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return np.asarray(found)
