"""Motion as ImageBind takes it: five seconds at 400 Hz, six channels. Knows no model.

The paper (Girdhar et al., 2023, appendix A) tells the length, the number of steps and the channels;
their order, units and scaling were not published, and are those of the modality here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nextgpt_registry.media import Media

RATE = 400
STEPS = 2000


def motion(media: Media) -> Tensor:
    """float32 (N, 6) -> (6, 2000): the start, linear between samples; after the end zeros."""
    rate = float(media.rate or RATE)
    held = min(STEPS, int((len(media.data) - 1) / rate * RATE) + 1)
    times = np.arange(held) / RATE * rate
    places = np.arange(len(media.data))
    steps = np.zeros((media.data.shape[1], STEPS), np.float32)
    for axis, row in zip(media.data.T, steps, strict=True):
        row[:held] = np.interp(times, places, axis)
    return torch.from_numpy(steps)
