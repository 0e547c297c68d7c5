"""Videos as Python programs hold them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from nextgpt_registry.errors import MediaError
from nextgpt_video.files import from_array
from nextgpt_video.objects import adopt

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 16, 24, 3), np.uint8)
CASES = {
    "frames and rate": (FRAMES, 8),
    "floats": (FRAMES / 255, 8.0),
    "channels second": (FRAMES.transpose(0, 3, 1, 2), 8),
    "tensor": (torch.from_numpy(FRAMES).permute(0, 3, 1, 2) / 255, 8),
    "pictures": ([Image.fromarray(frame) for frame in FRAMES], 8),
    "arrays": (list(FRAMES), 8),
}


@pytest.mark.parametrize("value", CASES.values(), ids=CASES)
def test_video_of_a_program_is_adopted(value: object) -> None:
    assert adopt(value, guess=True) == from_array(FRAMES, 8)


def test_video_without_a_rate_is_asked_for_one() -> None:
    with pytest.raises(MediaError, match="without a rate"):
        adopt(FRAMES, guess=False)
    assert adopt(FRAMES, guess=True) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((FRAMES * 1.0, 8), "x / 255"),
        (([Image.new("RGB", (4, 4)), Image.new("RGB", (4, 8))], 8), "several sizes"),
        ((FRAMES, 0), "rate of 0"),
        ((np.broadcast_to(np.uint8(0), (4000, 1, 1, 3)), 8), "frames"),
    ],
)
def test_video_out_of_range_says_how_to_mend_it(value: object, said: str) -> None:
    with pytest.raises(MediaError) as caught:
        adopt(value, guess=False)

    assert said in str(caught.value)
