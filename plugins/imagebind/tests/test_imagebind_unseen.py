"""What ImageBind does not take in of a medium is told."""

from __future__ import annotations

import numpy as np
import pytest

from nextgpt_imagebind.unseen import unseen
from nextgpt_registry.media import Media


@pytest.mark.parametrize(
    ("media", "said"),
    [
        (Media("audio", np.zeros(6000, np.float32), 1000.0), ""),
        (
            Media("audio", np.zeros(9000, np.float32), 1000.0),
            "lasts 9 s: 3 clips of 2 s, from start to end, are heard",
        ),
        (Media("video", np.zeros((10, 4, 4, 3), np.uint8), 1.0), ""),
        (
            Media("video", np.zeros((20, 4, 4, 3), np.uint8), 1.0),
            "lasts 20 s: 5 clips of 2 s, from start to end, are seen, 2 frames of each",
        ),
        (Media("imu", np.zeros((500, 6), np.float32), 100.0), ""),
        (
            Media("imu", np.zeros((700, 6), np.float32), 100.0),
            "lasts 7 s: the first 5 s are felt",
        ),
        (Media("depth", np.zeros((4, 8), np.float32)), ""),
        (Media("image", np.zeros((4, 9, 3), np.uint8)), "is 9x4 pixels: the middle 4x4 are seen"),
        (Media("thermal", np.zeros((9, 4), np.float32)), "is 4x9 pixels: the middle 4x4 are seen"),
    ],
)
def test_what_is_left_out_is_told(media: Media, said: str) -> None:
    assert unseen(media) == said
