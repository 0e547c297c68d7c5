"""A contact sheet of depth maps, as one picture a person can look at. Labels nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from nextgpt_depth.show import colours
from nextgpt_registry.media import Media


def save_sheet(media: Sequence[Media], path: Path, *, columns: int) -> None:
    """Write the maps as a grid."""
    cells = [np.pad(colours(m), ((1, 1), (1, 1), (0, 0)), constant_values=255) for m in media]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    rows = [np.concatenate(cells[n : n + columns], 1) for n in range(0, len(cells), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)
