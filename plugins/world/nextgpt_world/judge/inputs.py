"""Media of any size as what the judges' networks take. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from nextgpt_registry.media import Media
from nextgpt_world.judge.mel import SAMPLES, to_mel
from nextgpt_world.library import RATE
from nextgpt_world.split import Kind

SIDES = {"image": 96, "video": 64}
FRAMES = 8


def to_input(kind: Kind, media: Sequence[Media]) -> Tensor:
    """B media -> (B, 3, 96, 96), clips (B, 8, 3, 64, 64), sounds (B, 1, 80, 192), in [-1, 1]."""
    if kind == "audio":
        return to_mel(torch.stack([_sound(m) for m in media]))[:, None]
    if kind == "image":
        return torch.cat([_pixels(np.asarray(m.data)[None], SIDES[kind]) for m in media])
    return torch.stack([_pixels(_frames(np.asarray(m.data)), SIDES[kind]) for m in media])


def _pixels(frames_FHWC: np.ndarray, side: int) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(frames_FHWC[..., :3])).permute(0, 3, 1, 2).float()
    if x.shape[-2:] != (side, side):
        x = interpolate(x, (side, side), mode="bilinear", antialias=True)
    return x / 127.5 - 1


def _frames(clip_FHWC: np.ndarray) -> np.ndarray:
    taken: np.ndarray = clip_FHWC[np.linspace(0, len(clip_FHWC) - 1, FRAMES).round().astype(int)]
    return taken


def _sound(media: Media) -> Tensor:
    samples = np.asarray(media.data, np.float32)
    mono = samples if samples.ndim == 1 else samples.mean(-1)
    sound = torch.from_numpy(np.ascontiguousarray(mono))
    if media.rate and media.rate != RATE:  # band-limited
        length = round(len(sound) * RATE / media.rate)
        spectrum = torch.fft.rfft(sound)
        sound = torch.fft.irfft(spectrum, n=length) * (length / len(sound))
    return pad(sound[:SAMPLES], (0, max(0, SAMPLES - len(sound))))
