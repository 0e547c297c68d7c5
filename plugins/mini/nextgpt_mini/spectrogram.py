"""Sound to mel spectrogram and, untrained, back (Griffin-Lim). Knows nothing about models.

Legend: B batch, N samples at 16 kHz, F frames, M mel bins (80).
Source of the inversion: Griffin and Lim, 1984. Momentum (Perraudin et al., 2013) would come a
twentieth nearer, and lets rounding between a batch and one alone grow three times and more.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

RATE = 16_000
FFT = 1024
HOP = 256
MELS = 80
FRAMES = 192
SAMPLES = FRAMES * HOP
FLOOR = 1e-4
"""Amplitudes below this are silence: log10 mel runs from -4 to about 2."""


@cache
def _filters() -> Tensor:
    bank = mel_filter_bank(FFT // 2 + 1, MELS, 30.0, RATE / 2, RATE, norm="slaney")
    return torch.from_numpy(bank).float() * 30.0


@cache
def _inverse() -> Tensor:
    return torch.linalg.pinv(_filters())


@cache
def mel_bands() -> tuple[Tensor, Tensor]:
    """(M, K) shares that spread a value of each band over bins, (M,) natural logs of band sums."""
    filters = _filters()
    sums = filters.sum(0)
    spread = filters.T / sums[:, None]  # a value spread over bins: wide bands weigh no less
    heard = spread.sum(0).nonzero()
    spread[0, : heard[0]], spread[-1, heard[-1] + 1 :] = 1.0, 1.0  # beyond the outermost bands
    return spread / spread.sum(0), sums.log()


def stft(sound_BN: Tensor, fft: int = FFT, hop: int = HOP) -> Tensor:
    """(B, N) -> (B, fft / 2 + 1, N / hop + 1) complex, with a Hann window."""
    window = torch.hann_window(fft, device=sound_BN.device)
    return torch.stft(sound_BN.float(), fft, hop, window=window, return_complex=True)


def to_mel(sound_BN: Tensor) -> Tensor:
    """(B, N) -> (B, M, F) in about [-1, 1]: log10 amplitude, -4 at -1 and 2 at +1."""
    magnitude = stft(sound_BN)[..., :-1].abs()
    mel_BMF = _filters().to(sound_BN.device).T @ magnitude
    return (mel_BMF.clamp_min(FLOOR).log10() + 1) / 3


def to_sound(mel_BMF: Tensor, *, rounds: int = 48) -> Tensor:
    """(B, M, F) -> (B, N): the sound whose spectrogram comes nearest, phases started at zero."""
    mel_BMF = 10 ** (mel_BMF.clamp(-1, 1.2) * 3 - 1) - FLOOR
    target = (_inverse().to(mel_BMF.device).T @ mel_BMF.clamp_min(0)).clamp_min(0)
    target = torch.cat([target, target[..., -1:]], -1)
    window = torch.hann_window(FFT, device=mel_BMF.device)
    samples = mel_BMF.shape[-1] * HOP
    phase = torch.ones_like(target, dtype=torch.complex64)
    for _ in range(rounds):
        sound_BN = torch.istft(target * phase, FFT, HOP, window=window, length=samples)
        now = stft(sound_BN)
        phase = now / now.abs().clamp_min(1e-8)
    return torch.istft(target * phase, FFT, HOP, window=window, length=samples)
