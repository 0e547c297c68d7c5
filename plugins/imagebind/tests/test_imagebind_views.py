"""Pictures, videos, heat, depth and motion equal references written from the definitions.

The references go pixel by pixel; the original is ImageBind's data.py with torchvision's and
pytorchvideo's steps.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from nextgpt_imagebind.clips import starts
from nextgpt_imagebind.motions import motion
from nextgpt_imagebind.pictures import depth, heat, picture
from nextgpt_imagebind.videos import chosen, video
from nextgpt_registry.media import Media

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def pixels(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def bicubic(grey: Any, height: int, width: int) -> Any:
    """Pillow's bicubic resizing: a = -0.5, wider when shrinking, bytes after each of two passes."""

    def weights(before: int, after: int) -> Any:
        scale = before / after
        wide = max(scale, 1.0)
        found = np.zeros((after, before))
        for row in range(after):
            middle = (row + 0.5) * scale
            first = max(0, int(middle - 2 * wide + 0.5))
            last = min(before, int(middle + 2 * wide + 0.5))
            for n in range(first, last):
                t = abs((n + 0.5 - middle) / wide)
                if t < 1:
                    found[row, n] = 1.5 * t**3 - 2.5 * t**2 + 1
                elif t < 2:
                    found[row, n] = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
            found[row] /= found[row].sum()
        return found

    across = (grey @ weights(grey.shape[1], width).T).round().clip(0, 255)
    return (weights(grey.shape[0], height) @ across).round().clip(0, 255)


def test_picture_is_resized_cut_and_normalised() -> None:
    media = Media("image", pixels(100, 151, 3))

    seen = picture(media)

    width = int(224 * 151 / 100)
    left = round((width - 224) / 2)
    for channel in range(3):
        whole = bicubic(media.data[..., channel].astype(float), 224, width)
        wanted = (whole[:, left : left + 224] / 255 - MEAN[channel]) / STD[channel]
        off = np.abs(seen[channel].numpy() - wanted).max() * STD[channel] * 255
        assert off < 1.01  # levels: Pillow's weights are whole numbers


def test_picture_of_the_right_size_is_only_normalised() -> None:
    media = Media("image", pixels(224, 224, 3))

    wanted = (media.data / 255 - np.array(MEAN)) / np.array(STD)

    np.testing.assert_allclose(picture(media).numpy(), wanted.transpose(2, 0, 1), atol=1e-5)


def test_clips_begin_at_equal_parts_of_what_is_longer_than_one() -> None:
    """As in pytorchvideo 0.1.5: the last of n ends a part of n before the end."""
    assert starts(12.0, 5) == [0, 2, 4, 6, 8]
    assert starts(5.0, 3) == [0, 1, 2]
    assert starts(2.0, 5) == starts(0.5, 5) == [0] * 5


@pytest.mark.parametrize(("count", "rate"), [(100, 10.0), (240, 23.976), (7, 8.0), (1, 25.0)])
def test_frames_are_first_and_last_of_each_clip(count: int, rate: float) -> None:
    wanted = []
    for k in range(5):
        start = max(Fraction(count) / Fraction(rate) - 2, Fraction(0)) / 5 * k
        held = list(range(math.ceil(rate * start), min(math.ceil(rate * (start + 2)), count)))
        wanted.append((held[0], held[-1]))

    assert chosen(count, rate) == wanted


@pytest.mark.parametrize(("height", "width"), [(60, 100), (100, 61), (64, 64)])
def test_views_are_bilinear_crops_along_the_longer_side(height: int, width: int) -> None:
    media = Media("video", pixels(30, height, width, 3), 10.0)

    seen = video(media)

    assert seen.shape == (15, 3, 2, 224, 224)
    tall = 224 if width >= height else math.floor(height / width * 224)
    wide = math.floor(width / height * 224) if width >= height else 224
    for view, crop in ((0, 0), (4, 1), (14, 2)):
        frame = media.data[chosen(30, 10.0)[view // 3][1]] / 255
        top, left = math.ceil((tall - 224) / 2), math.ceil((wide - 224) / 2)
        if tall > wide:
            top = (0, top, tall - 224)[crop]
        else:
            left = (0, left, wide - 224)[crop]
        for row, column in ((0, 0), (100, 57), (223, 223)):
            wanted = (at(frame, tall, wide, top + row, left + column) - MEAN) / np.array(STD)
            found = seen[view, :, 1, row, column].numpy()
            np.testing.assert_allclose(found, wanted, atol=2e-4)


def at(frame: Any, tall: int, wide: int, row: int, column: int) -> Any:
    """One pixel of a frame scaled bilinearly, pixels' middles at halves."""
    y = max(0.0, (row + 0.5) * frame.shape[0] / tall - 0.5)
    x = max(0.0, (column + 0.5) * frame.shape[1] / wide - 0.5)
    top, left = int(y), int(x)
    below, right = min(top + 1, frame.shape[0] - 1), min(left + 1, frame.shape[1] - 1)
    down, across = y - top, x - left
    upper = frame[top, left] * (1 - across) + frame[top, right] * across
    lower = frame[below, left] * (1 - across) + frame[below, right] * across
    return upper * (1 - down) + lower * down


def test_a_long_strip_does_not_fill_the_memory() -> None:
    strip = Media("video", pixels(2, 1, 4000, 3), 1.0)

    assert video(strip).shape == (15, 3, 2, 224, 224)
    assert picture(Media("image", pixels(1, 4000, 3))).shape == (3, 224, 224)


def test_heat_is_resized_and_not_normalised() -> None:
    levels = pixels(224, 300).astype(np.float32) / 255

    seen = heat(Media("thermal", levels))

    np.testing.assert_allclose(seen[0].numpy(), levels[:, 38:262], atol=1e-6)


def test_depth_becomes_normalised_disparity() -> None:
    metres = np.full((224, 224), 2.0, np.float32)
    metres[0, 0], metres[0, 1], metres[0, 2] = 0.0, 0.001, 100.0

    seen = depth(Media("depth", metres), scale=38.914)[0]

    def normed(disparity: float) -> float:
        return (min(disparity, 75.0) / 75 - 0.0418) / 0.0295

    assert float(seen[5, 5]) == pytest.approx(normed(38.914 / 2), abs=1e-4)
    assert float(seen[0, 0]) == pytest.approx(normed(38.914 / 50), abs=1e-4)  # not measured: far
    assert float(seen[0, 1]) == pytest.approx(normed(75.0), abs=1e-4)
    assert float(seen[0, 2]) == pytest.approx(normed(38.914 / 50), abs=1e-4)


def test_motion_is_brought_to_400_hertz_and_followed_by_zeros() -> None:
    ramp = np.outer(np.arange(101), np.arange(1, 7)).astype(np.float32)

    seen = motion(Media("imu", ramp, 100.0))  # one second

    assert seen.shape == (6, 2000)
    for axis in range(6):
        np.testing.assert_allclose(
            seen[axis, :401].numpy(), (axis + 1) * np.arange(401) / 4, atol=1e-3
        )
    assert not seen[:, 401:].any()


def test_of_a_long_motion_the_first_five_seconds_are_seen() -> None:
    data = np.random.default_rng(0).normal(size=(4000, 6)).astype(np.float32)

    seen = motion(Media("imu", data, 400.0))

    torch.testing.assert_close(seen, torch.from_numpy(data[:2000].T.copy()))
