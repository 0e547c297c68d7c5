"""Pictures in rows, as one file that a person can look at. Labels nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nextgpt_world.library import Array


def save_sheet(cells: Sequence[Array], path: Path, *, columns: int) -> None:
    """Write cells of one size, (H, W, 3) uint8, as a grid with a white margin around each."""
    framed = [np.pad(cell, ((1, 1), (1, 1), (0, 0)), constant_values=255) for cell in cells]
    framed += [np.full_like(framed[0], 255)] * (-len(framed) % columns)
    rows = [np.concatenate(framed[n : n + columns], 1) for n in range(0, len(framed), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)
