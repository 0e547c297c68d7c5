"""A contact sheet of media, as one picture a person can look at. Labels nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nextgpt_mini import spectrogram
from nextgpt_registry.media import Media


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
    cells = [np.pad(picture_of(m), ((1, 1), (1, 1), (0, 0)), constant_values=255) for m in media]
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % columns)
    rows = [np.concatenate(cells[n : n + columns], 1) for n in range(0, len(cells), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)
