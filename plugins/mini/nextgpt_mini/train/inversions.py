"""Sounds through a mel spectrogram and back, measured: Griffin-Lim beside the vocoder.

Legend: B batch, N samples, M mel bins, F frames, D width of the audio judge's features.

A spectrogram is given as it is and as the latents leave it. Distances are between a sound and the
same sound made again, so for all of them 0 is perfect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from nextgpt_mini.latents import Latents
from nextgpt_mini.spectrogram import stft, to_mel, to_sound
from nextgpt_mini.train.vocoder import through
from nextgpt_mini.vocoder import Vocoder
from nextgpt_world.judge.media import MediaJudge
from nextgpt_world.library import Library
from nextgpt_world.render import render_sound
from nextgpt_world.scene import Sound
from nextgpt_world.split import sample_scene

_SPECTRA = ((512, 128), (1024, 256), (2048, 512))
_FLOOR = 1e-2
"""Magnitudes below are silence, as in the mel."""


@dataclass(frozen=True)
class Row:
    """One way back from one kind of spectrogram."""

    way: str
    given: str
    mel: float
    spectrum: float
    frechet: float
    seconds: float


def held_out_sounds(library: Library, count: int) -> Tensor:
    """(B, N): renderings of held-out combinations, one concept after the other."""
    rng, sounds = Random("inversions"), []
    concepts = sorted(library.sounds)
    for n in range(count):
        concept = concepts[n % len(concepts)]
        scene = cast(Sound, sample_scene("audio", rng, split="held_out", concept=concept))
        noise = np.random.default_rng(rng.getrandbits(63))
        sounds.append(torch.from_numpy(render_sound(scene, library, noise)))
    return torch.stack(sounds)


@torch.no_grad()
def inversions(
    sounds_BN: Tensor, vocoder: Vocoder, latents: Latents
) -> Iterator[tuple[str, str, Tensor, float]]:
    """The way, what it was given, (B, N) what it made, seconds per sound (made one by one)."""
    mel_BMF = to_mel(sounds_BN)
    left_BMF = through(latents, mel_BMF)
    ways: dict[str, Callable[[Tensor], Tensor]] = {"Griffin-Lim": to_sound, "vocoder": vocoder}
    for given, spectra in {"its mel": mel_BMF, "its latents": left_BMF}.items():
        for way, invert in ways.items():
            began = time.perf_counter()
            made_BN = torch.cat([invert(one[None]) for one in spectra])
            yield way, given, made_BN, (time.perf_counter() - began) / len(spectra)


@torch.no_grad()
def measure(sounds_BN: Tensor, vocoder: Vocoder, latents: Latents) -> list[Row]:
    """A row for each way and each kind of spectrogram."""
    rows, true_BD = [], _features(sounds_BN)
    for way, given, made_BN, seconds in inversions(sounds_BN, vocoder, latents):
        mel = float(l1_loss(to_mel(made_BN), to_mel(sounds_BN)))
        spectrum = _spectral_distance(made_BN, sounds_BN)
        rows.append(Row(way, given, mel, spectrum, frechet(_features(made_BN), true_BD), seconds))
    return rows


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| way back | given | mel L1 | log STFT | Fréchet | s a sound |", "|" + " --- |" * 6]
    lines += [
        f"| {r.way} | {r.given} | {r.mel:.4f} | {r.spectrum:.3f} | {r.frechet:.3f} "
        f"| {r.seconds:.3f} |"
        for r in rows
    ]
    return "\n".join(lines)


def frechet(one_BD: Tensor, other_BD: Tensor) -> float:
    """(B, D), (B', D) -> the Fréchet distance of two fitted Gaussians (Kilgour et al., 2019)."""
    one, other = one_BD.double(), other_BD.double()
    a, b = torch.cov(one.T), torch.cov(other.T)
    values, vectors = torch.linalg.eigh(a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ b @ root).clamp_min(0).sqrt().sum()
    apart = (one.mean(0) - other.mean(0)).square().sum()
    return float(apart + a.trace() + b.trace() - 2 * shared)


def _features(sounds_BN: Tensor) -> Tensor:
    eye = MediaJudge("audio").network.eye
    mel = to_mel(sounds_BN)[:, None]
    return torch.cat([eye(part) for part in mel.split(64)])


def _spectral_distance(made_BN: Tensor, true_BN: Tensor) -> float:
    """Mean |ln|made| - ln|true|| over several resolutions."""
    distances = []
    for fft, hop in _SPECTRA:
        made, true = (stft(x, fft, hop).abs().clamp_min(_FLOOR) for x in (made_BN, true_BN))
        distances.append(l1_loss(made.log(), true.log()))
    return float(torch.stack(distances).mean())
