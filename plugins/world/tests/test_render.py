"""What is drawn and played shows what the scene says."""

from random import Random

import numpy as np
import pytest
from scipy import ndimage

from nextgpt_world.library import Library
from nextgpt_world.render import (
    FRAMES,
    SAMPLES,
    SIDE,
    render_clip,
    render_picture,
    render_sound,
)
from nextgpt_world.scene import Clip, Picture, Sound, caption, phrase
from nextgpt_world.vocabulary import vocabulary


@pytest.fixture(scope="module")
def samples() -> Library:
    return Library.samples()


def _thing(picture):
    """Where the picture differs from its ground, the corner being ground."""
    return np.abs(picture.astype(int) - picture[0, 0]).max(-1) > 12


def _centre(picture):
    return np.array(ndimage.center_of_mass(_thing(picture)))


def test_samples_are_small_and_have_both_styles(samples):
    assert len(samples.things) == 12
    assert len(samples.sprites) == 24
    assert len(samples.sounds) == 8


@pytest.mark.parametrize("colour", vocabulary().colours)
def test_ground_has_the_colour_that_is_said(samples, colour):
    picture = render_picture(Picture("car", colour), samples, np.random.default_rng(0))

    assert picture.shape == (SIDE, SIDE, 3)
    assert picture.dtype == np.uint8
    nearest = min(
        vocabulary().colours.items(), key=lambda item: np.abs(picture[0, 0] - item[1]).sum()
    )
    assert nearest[0] == colour


@pytest.mark.parametrize(
    ("place", "axis", "sign"), [("left", 1, -1), ("right", 1, 1), ("top", 0, -1), ("bottom", 0, 1)]
)
@pytest.mark.parametrize("size", [None, "small", "large"])
def test_place_is_where_it_says(samples, place, axis, sign, size):
    scene = Picture("apple", "blue", place=place, size=size)

    off = _centre(render_picture(scene, samples, np.random.default_rng(1))) - (SIDE - 1) / 2

    assert sign * off[axis] > 10
    assert abs(off[1 - axis]) < 10


def test_large_is_larger_than_small(samples):
    areas = [
        _thing(render_picture(Picture("apple", "blue", size=size), samples, rng)).sum()
        for size in ("small", None, "large")
        for rng in [np.random.default_rng(2)]
    ]

    assert areas[0] * 1.5 < areas[1] < areas[2] / 1.5


@pytest.mark.parametrize(("count", "number"), [("one", 1), ("two", 2), ("three", 3), ("four", 4)])
def test_count_is_the_number_of_separate_things(samples, count, number):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        picture = render_picture(Picture("star", "purple", count=count), samples, rng)

        assert ndimage.label(ndimage.binary_opening(_thing(picture)))[1] == number


def test_motions_differ(samples):
    def path(motion):
        clip = render_clip(Clip("apple", "blue", motion), samples, np.random.default_rng(3))
        assert clip.shape == (FRAMES, SIDE, SIDE, 3)
        return np.array([_centre(frame) for frame in clip])

    left, right = path("moving left"), path("moving right")
    jumping, spinning = path("jumping"), path("spinning")

    assert (np.diff(left[:, 1]) < 0).all()
    assert (np.diff(right[:, 1]) > 0).all()
    assert np.ptp(jumping[:, 0]) > 30
    assert np.ptp(jumping[:, 1]) < 6
    assert np.ptp(spinning, axis=0).max() < 12


@pytest.mark.parametrize(("repetition", "number"), [("once", 1), ("twice", 2), ("three times", 3)])
@pytest.mark.parametrize("name", ["guitar", "trumpet", "bell", "drum", "coin", "bird"])
def test_repetition_is_the_number_of_onsets(samples, name, repetition, number):
    sound = render_sound(Sound(name, repetition), samples, np.random.default_rng(4))

    assert sound.shape == (SAMPLES,)
    assert sound.dtype == np.float32
    assert 0.5 < np.abs(sound).max() <= 1
    loud = np.abs(sound).reshape(-1, 512).max(1) > 0.01
    onsets = ndimage.label(ndimage.binary_closing(loud, iterations=1))[1]
    assert onsets == number


def test_renderings_are_repeatable(samples):
    for scene, render in (
        (Picture("cat", "red", place="top"), render_picture),
        (Clip("cat", "red", "spinning"), render_clip),
        (Sound("bell", "twice"), render_sound),
    ):
        first, second = (render(scene, samples, np.random.default_rng(5)) for _ in range(2))

        assert np.array_equal(first, second)


def test_phrases_vary_and_name_every_fact():
    scene = Picture("cat", "red", place="top", size="small")
    rng = Random(0)

    said = {phrase(scene, rng) for _ in range(100)}

    assert len(said) > 5
    assert all({"cat", "red", "top", "small"} <= set(p.replace(",", "").split()) for p in said)
    assert caption(scene) == "a small cat at the top of a red background"
