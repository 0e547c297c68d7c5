"""Train the vocoder on renderings of the world's sounds. Knows nothing about the flow decoder.

Legend: B batch, N samples, K frequency bins, F frames.

First by reconstruction alone: spectra at several resolutions, and how phase turns from frame to
frame and from bin to bin, since its absolute value cannot be told from a mel. Then, as no smooth
sound lowers those losses further, also against discriminators of spectra (Jang et al., 2021, after
Kong et al., 2020), whose hinge and feature-matching losses are computed in the same pass: the
generator sees frozen copies of their weights, they see a detached sound.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import cast

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.functional import l1_loss, leaky_relu

from nextgpt_core.training.module import Run, quickly, train
from nextgpt_mini.decoders import SOUND_PATCH
from nextgpt_mini.latents import Latents
from nextgpt_mini.spectrogram import HOP, stft, to_mel
from nextgpt_mini.vocoder import Vocoder, to_samples
from nextgpt_world.library import Library
from nextgpt_world.render import render_sound
from nextgpt_world.scene import Sound
from nextgpt_world.split import check_trainable, sample_scene

ADVERSARIAL_FROM = 5000
FRAMES = 16 * SOUND_PATCH
BATCH = 8
NOISE = 0.2
"""Up to so much is added to whitened latents: about what a flow decoder leaves."""
_RESOLUTIONS = ((256, 64), (512, 128), (2048, 512))
_JUDGED = ((256, 64), (512, 128), (1024, 256))
_ADVERSARIAL, _FEATURES = 0.1, 0.3


def train_vocoder(
    vocoder: Vocoder,
    latents: Latents,
    library: Library,
    run: Run,
    *,
    batch: int = BATCH,
    lr: float = 1e-3,
    adversarial_from: int = ADVERSARIAL_FROM,
    sample: Callable[[], None] | None = None,
) -> None:
    """Train `vocoder` to invert mels as `latents` gives them back."""
    pair = Pair(vocoder)
    latents.requires_grad_(False)

    def loss(step: int) -> Tensor:
        sounds_BN = crops(library, Random(f"vocoder {step}"), batch, FRAMES)
        generator = Generator().manual_seed(step)
        mel_BMF = through(latents, to_mel(sounds_BN), generator)
        return cast(Tensor, pair(sounds_BN, mel_BMF, step >= adversarial_from))

    inner = [p for p in vocoder.blocks.parameters() if p.dim() == 2]
    train(run, "vocoder", pair, loss, lr=lr, matrices=inner, sample=sample)


class Pair(nn.Module):
    """A vocoder and who judges it, with the sum of their losses."""

    def __init__(self, vocoder: Vocoder) -> None:
        """The vocoder as it is, its discriminators with random weights."""
        super().__init__()
        self.vocoder = vocoder
        self.discriminators = nn.ModuleList(Discriminator(*size) for size in _JUDGED)

    def forward(self, true_BN: Tensor, mel_BMF: Tensor, adversarial: bool) -> Tensor:
        """(B, N), (B, M, F) -> ()."""
        with quickly(mel_BMF.device):  # networks only: no spectra
            predicted = self.vocoder.predict(mel_BMF)
        spectrum_BKF = self.vocoder.spectrum(mel_BMF, predicted)
        made_BN = to_samples(spectrum_BKF, true_BN.shape[-1])
        loss = spectral_loss(made_BN, true_BN) + phase_loss(spectrum_BKF, true_BN)
        if not adversarial:
            return loss
        for discriminator in self.discriminators:
            real, of_real = discriminator(true_BN)
            made, _ = discriminator(made_BN.detach())
            loss = loss + (1 - real).relu().mean() + (1 + made).relu().mean()
            frozen = {name: p.detach() for name, p in discriminator.named_parameters()}
            seen, of_seen = functional_call(discriminator, frozen, (made_BN,))
            apart = [l1_loss(a, b.detach()) for a, b in zip(of_seen, of_real, strict=True)]
            loss = loss - _ADVERSARIAL * seen.mean() + _FEATURES * torch.stack(apart).mean()
        return loss


class Discriminator(nn.Module):
    """(B, N) -> scores of the cells of one spectrogram, and every layer's features."""

    def __init__(self, fft: int, hop: int, width: int = 16) -> None:
        """Random weights."""
        super().__init__()
        self.fft, self.hop = fft, hop
        sizes = ((2, width, 1), (width, width, 2), (width, 2 * width, 1), (2 * width,) * 2 + (2,))
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(a, b, (5, 3), (2, s), (2, 1)))
            for a, b, s in sizes
        )
        self.score = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, sound_BN: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Complex spectra of compressed magnitude: it also hears how phase runs on."""
        spectrum = stft(sound_BN, self.fft, self.hop)
        x = torch.view_as_real(spectrum).movedim(-1, 1)
        x = x * (x.square().sum(1, keepdim=True) + 1e-6) ** -0.35
        features = []
        with quickly(x.device):
            for layer in self.layers:
                x = leaky_relu(layer(x), 0.1)
                features.append(x.float())
            return self.score(x).float(), features


def spectral_loss(made_BN: Tensor, true_BN: Tensor) -> Tensor:
    """(B, N), (B, N) -> (): mel and multi-resolution STFT distances."""
    losses = [10 * l1_loss(to_mel(made_BN), to_mel(true_BN))]
    for fft, hop in _RESOLUTIONS:
        made, true = (stft(sound, fft, hop) for sound in (made_BN, true_BN))
        made, true = _size(made), _size(true)
        losses.append((made - true).norm() / true.norm().clamp_min(1e-3))
        losses.append(l1_loss(made.log(), true.log()))
    return torch.stack(losses).sum()


def phase_loss(made_BKF: Tensor, true_BN: Tensor) -> Tensor:
    """(B, K, F + 1) complex, (B, N) -> (): how differently phase turns, where there is sound."""
    true_BKF = stft(true_BN)
    size = _size(true_BKF)
    true, made = true_BKF / size, made_BKF / _size(made_BKF)
    weight = size.sqrt()
    losses = []
    for axis in (1, 2):
        n = made.shape[axis] - 1
        turns = [x.narrow(axis, 1, n) * x.narrow(axis, 0, n).conj() for x in (made, true)]
        heard = weight.narrow(axis, 1, n) * weight.narrow(axis, 0, n)
        off = torch.view_as_real(turns[0] - turns[1]).square().sum(-1)
        losses.append((heard * off).sum() / heard.sum().clamp_min(1e-3))
    return torch.stack(losses).sum()


def crops(library: Library, rng: Random, count: int, frames: int) -> Tensor:
    """(B, N): parts of random renderings of the training side, the louder of two parts each."""
    taken, concepts = [], sorted(library.sounds)
    for _ in range(count):
        scene = check_trainable(sample_scene("audio", rng, concept=rng.choice(concepts)))
        noise = np.random.default_rng(rng.getrandbits(63))
        sound = render_sound(cast(Sound, scene), library, noise)
        starts = [rng.randrange(len(sound) - frames * HOP + 1) for _ in range(2)]
        parts = [sound[start : start + frames * HOP] for start in starts]
        taken.append(max(parts, key=lambda part: float(np.square(part).sum())))
    return torch.from_numpy(np.stack(taken))


def through(latents: Latents, mel_BMF: Tensor, generator: Generator | None = None) -> Tensor:
    """(B, M, F) -> (B, M, F): what is left of a mel in latents, with up to `NOISE` if drawn."""
    z_Bchw = latents.encode(mel_BMF[:, None])
    if generator is not None:
        most = NOISE * torch.rand(len(z_Bchw), 1, 1, 1, generator=generator)
        z_Bchw = z_Bchw + most * torch.randn(z_Bchw.shape, generator=generator)
    return latents.decode(z_Bchw)[:, 0]


def _size(spectrum: Tensor) -> Tensor:
    """Magnitudes with a gradient at silence, and not less than its floor."""
    return (spectrum.real.square() + spectrum.imag.square() + 1e-6).sqrt()
