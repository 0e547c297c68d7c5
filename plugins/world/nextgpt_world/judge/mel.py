"""Sound as the judge of sounds hears it. Shares nothing with the systems that are judged.

Legend: B batch, N samples at 16 kHz, M mel bins (80), F frames.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from nextgpt_world.library import RATE

_FFT, _HOP, _MELS = 1024, 256, 80
SAMPLES = 192 * _HOP
"""What is heard of a sound: 192 frames."""


def to_mel(sound_BN: Tensor) -> Tensor:
    """(B, N) -> (B, M, F) in about [-1, 1]: log10 amplitude, -4 at -1 and 2 at +1."""
    window = torch.hann_window(_FFT)
    spectrum_BKF = torch.stft(sound_BN.float(), _FFT, _HOP, window=window, return_complex=True)
    mel_BMF = _filters().T @ spectrum_BKF[..., :-1].abs()
    return (mel_BMF.clamp_min(1e-4).log10() + 1) / 3


@cache
def _filters() -> Tensor:
    bank = mel_filter_bank(_FFT // 2 + 1, _MELS, 30.0, RATE / 2, RATE, norm="slaney")
    return torch.from_numpy(bank).float() * 30.0
