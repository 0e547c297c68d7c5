"""Sounds as pipelines take and make them: several channels, at a rate of their own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from nextgpt_registry.media import Media


def waves(media: Sequence[Media], *, rate: int, channels: int, samples: int, whole: int) -> Tensor:
    """B sounds -> (B, C, N) at a rate: up to `samples` of each, silence behind it up to `whole`."""
    made = torch.zeros(len(media), channels, whole)
    for row, medium in zip(made, media, strict=True):
        heard = resampled(medium, rate)[: min(whole, samples)]
        row[:, : len(heard)] = torch.from_numpy(heard)
    return made


def mixed(made: Tensor, rate: int) -> list[Media]:
    """(B, C, N) -> B sounds, their channels mixed to one."""
    heard = made.float().cpu().numpy().mean(axis=1)
    return [Media("audio", np.clip(one, -1, 1), float(rate)) for one in heard]


def resampled(medium: Media, rate: int) -> Any:
    """A sound -> float32 (N,) at another rate."""
    assert medium.rate is not None
    ratio = Fraction(rate, int(medium.rate))
    if ratio == 1:
        return np.array(medium.data, np.float32)
    made = resample_poly(medium.data, ratio.numerator, ratio.denominator)
    return np.ascontiguousarray(made, np.float32)
