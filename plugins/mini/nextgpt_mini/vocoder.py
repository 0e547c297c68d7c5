"""Mel spectrogram to sound by a small network: convolutions over frames, then an inverse STFT.

Legend: B batch, M mel bins, F frames, K frequency bins (513), D width, N = 256 F samples.
Source: Siuzdak, 2023, "Vocos" (ConvNeXt blocks at the rate of frames, no upsampling).

Two things are not in the paper. Magnitudes are predicted relative to what the mel already says.
And phase is carried from frame to frame: a steady tone looks alike in every frame, so a network
that sees frames alone gives it the same phase in each, and any tone becomes a buzz at multiples of
the frame rate. Here a bin is a resonator: it keeps a predicted share of what it held, turned by a
predicted angle, and takes the rest from what is new; while it keeps all, a tone of any pitch rings.
"""

from __future__ import annotations

from math import log, pi
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from nextgpt_mini.spectrogram import FFT, HOP, MELS, mel_bands

BINS = FFT // 2 + 1
LOUDEST = 6.0
"""Natural logarithm of the largest magnitude of a bin: a full-scale tone has 5.5."""
RINGING = 2.0
"""Where training begins: a bin keeps sigmoid(2) = 0.88 of what it held a frame ago."""


class Vocoder(nn.Module):
    """(B, M, F) -> (B, N), the same for the same spectrogram whatever else is in the batch."""

    def __init__(self, width: int = 160, layers: int = 6) -> None:
        """Random weights."""
        super().__init__()
        self.embed = nn.Conv1d(MELS, width, 7, padding=3)
        self.first_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, 1 / layers) for _ in range(layers))
        self.last_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 4 * BINS + 2 * MELS)

    def forward(self, mel_BMF: Tensor) -> Tensor:
        """(B, M, F) -> (B, N)."""
        spectrum_BKF = self.spectrum(mel_BMF, self.predict(mel_BMF))
        return to_samples(spectrum_BKF, mel_BMF.shape[-1] * HOP)

    def predict(self, mel_BMF: Tensor) -> Tensor:
        """(B, M, F) -> (B, F + 1, 4 K + 2 M): what `spectrum` needs; one frame is repeated."""
        mel_BMF = pad(mel_BMF, (0, 1), mode="replicate")
        x_BDF = self.embed(mel_BMF.to(self.embed.weight.dtype))
        x_BFD = self.first_norm(x_BDF.transpose(1, 2))
        for block in self.blocks:
            x_BFD = block(x_BFD)
        return cast(Tensor, self.head(self.last_norm(x_BFD))).float()

    @staticmethod
    def spectrum(mel_BMF: Tensor, predicted_BFP: Tensor) -> Tensor:
        """(B, M, F), (B, F + 1, 4 K + 2 M) -> (B, K, F + 1) complex, as an inverse STFT wants."""
        device = predicted_BFP.device
        sizes = [BINS] * 4 + [MELS] * 2
        loud, angle, real, imaginary, ringing, noise = predicted_BFP.split(sizes, -1)
        spread_MK, level_M = (t.to(device) for t in mel_bands())
        mel_BFM = pad(mel_BMF.float(), (0, 1), mode="replicate").transpose(1, 2)
        known_BFK = ((3 * mel_BFM - 1) * log(10) - level_M) @ spread_MK
        magnitude = (known_BFK + loud).clamp_max(LOUDEST).exp()
        kept = ((ringing + RINGING) @ spread_MK).sigmoid()
        turn_K = torch.arange(BINS, device=device) % 4 * (pi / 2)  # of a bin's own frequency
        new = torch.complex(real, imaginary)
        new = new + (noise @ spread_MK) * _noise(new.shape[1], device)
        phase = _carried(torch.polar(kept, angle + turn_K), (1 - kept) * new)
        return (magnitude * phase).transpose(1, 2)


class _Block(nn.Module):
    """(B, F, D) -> (B, F, D): a ConvNeXt block in one dimension (Liu et al., 2022)."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.mix = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x_BFD: Tensor) -> Tensor:
        mixed = self.mix(x_BFD.transpose(1, 2)).transpose(1, 2)
        return x_BFD + self.scale * cast(Tensor, self.narrow(gelu(self.widen(self.norm(mixed)))))


def to_samples(spectrum_BKF: Tensor, samples: int) -> Tensor:
    """(B, K, F + 1) complex -> (B, N)."""
    window = torch.hann_window(FFT, device=spectrum_BKF.device)
    return torch.istft(spectrum_BKF, FFT, HOP, window=window, length=samples)


def _carried(turned_BFK: Tensor, new_BFK: Tensor) -> Tensor:
    """Unit phasors of c[f] = turned[f] c[f - 1] + new[f]."""
    now, frames = torch.zeros_like(new_BFK[:, 0]), []
    for turned, new in zip(turned_BFK.unbind(1), new_BFK.unbind(1), strict=True):
        now = turned * now + new
        frames.append(now)
    carried = torch.stack(frames, 1)
    size = (carried.real.square() + carried.imag.square() + 1e-8).sqrt()
    # an STFT counts time from where a frame begins; alternating signs count it from the centre
    signs = 1 - 2 * (torch.arange(BINS, device=size.device) % 2)
    return carried * (signs / size)


def _noise(frames: int, device: torch.device) -> Tensor:
    """(F, K) complex: the same noise for every sound."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(frames, BINS, dtype=torch.complex64, generator=generator).to(device)
