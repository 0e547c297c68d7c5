"""Depth maps to what the networks see, and back: logarithms of distances. Knows no network.

Legend: B batch, H W height and width. The logarithm makes a step near by and a step far away, if
they are the same share of the distance, the same (Eigen et al., 2014).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nextgpt_depth.options import SIDE
from nextgpt_registry.media import Media

NEAREST, FARTHEST = 0.25, 16.0
"""Metres; what lies beyond counts as there."""
_MIDDLE, _SPREAD = 0.6, 0.85
"""Of the logarithms: scenes of 0.8 to 4 metres come to lie between -1 and 1."""


def to_maps(media: Sequence[Media]) -> Tensor:
    """B depth maps of any size -> (B, 1, 64, 64); what was not measured is as far as the rest."""
    return torch.cat([_to_map(medium) for medium in media])


def from_maps(x_B1HW: Tensor) -> list[Media]:
    """(B, 1, H, W) -> B depth maps."""
    metres = (x_B1HW[:, 0].float() * _SPREAD + _MIDDLE).exp().clamp(NEAREST, FARTHEST)
    return [Media("depth", one) for one in metres.cpu().numpy().astype(np.float32)]


def _to_map(media: Media) -> Tensor:
    metres = torch.from_numpy(np.array(media.data, np.float32))
    metres = torch.where(metres > 0, metres, metres.max()).clamp(NEAREST, FARTHEST)
    x = ((metres.log() - _MIDDLE) / _SPREAD)[None, None]
    if x.shape[-2:] == (SIDE, SIDE):
        return x
    return interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
