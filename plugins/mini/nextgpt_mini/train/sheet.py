"""A contact sheet of media, as one picture a person can look at. Labels nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from nextgpt_mini import spectrogram
from nextgpt_registry.media import Media
from nextgpt_world import sheet


def picture_of(media: Media) -> np.ndarray:
    """(H, W, 3) uint8: a picture itself, a clip's frames in a row, a sound's spectrogram."""
    if media.modality == "image":
        return np.asarray(media.data)
    if media.modality == "video":
        return np.concatenate(list(media.data), 1)
    mel = spectrogram.to_mel(torch.from_numpy(np.array(media.data))[None])[0].flip(0)
    grey = ((mel + 1) * 115).clamp(0, 255).byte().numpy()
    return np.repeat(grey[..., None], 3, -1)


def save_sheet(media: Sequence[Media], path: Path, *, columns: int) -> None:
    """Write the media as a grid."""
    sheet.save_sheet([picture_of(medium) for medium in media], path, columns=columns)
