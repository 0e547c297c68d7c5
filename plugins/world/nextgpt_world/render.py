"""Scenes to pixels and samples. Every random choice comes from the generator given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from nextgpt_registry.media import Media
from nextgpt_world.library import RATE, STYLES, Library
from nextgpt_world.scene import Clip, Picture, Scene, Sound
from nextgpt_world.vocabulary import vocabulary

Pixels = np.ndarray[Any, np.dtype[Any]]

SIDE = 128
FRAMES = 16
FRAME_RATE = 8.0
SAMPLES = 49_152

_SIZES = {"small": (34, 40), "large": (84, 94), None: (56, 68)}
_SEVERAL = (48, 54)
_MOVING = (54, 64)
_STEP = 4
"""Pixels that a moving thing goes in a frame, or a multiple of them."""
_CENTRES = {"centre": (0.5, 0.5), "left": (0.24, 0.5), "right": (0.76, 0.5)} | {
    "top": (0.5, 0.24),
    "bottom": (0.5, 0.76),
}
_GRIDS = {
    "two": ((0.2, 0.5), (0.8, 0.5)),
    "three": ((0.2, 0.22), (0.8, 0.22), (0.5, 0.78)),
    "four": ((0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)),
}


def render(
    scene: Scene, library: Library, rng: Generator, style: str | None = None, *, grid: int = 1
) -> Media:
    """The scene as a medium of its modality; things stand on a grid of so many pixels."""
    if isinstance(scene, Sound):
        return Media("audio", render_sound(scene, library, rng), float(RATE))
    if isinstance(scene, Clip):
        return Media("video", render_clip(scene, library, rng, style, grid=grid), FRAME_RATE)
    return Media("image", render_picture(scene, library, rng, style, grid=grid))


def render_picture(
    scene: Picture, library: Library, rng: Generator, style: str | None = None, *, grid: int = 1
) -> Pixels:
    """(128, 128, 3) uint8."""
    ground = _ground(scene.colour, rng)
    style = _style(library, scene.concept, style, rng)
    if scene.count == "one":
        size = _size(_SIZES[scene.size], rng, grid)
        x, y = _CENTRES[scene.place] if scene.place else rng.uniform(0.35, 0.65, 2)
        sprite = library.sized(scene.concept, style, size)
        _paste(ground, sprite, x, y, _jitter(rng, grid), grid)
    else:
        sprite = library.sized(scene.concept, style, _size(_SEVERAL, rng, grid))
        for x, y in _GRIDS[scene.count]:
            _paste(ground, sprite, x, y, _jitter(rng, grid), grid)
    return ground.round().astype(np.uint8)


def render_clip(
    scene: Clip, library: Library, rng: Generator, style: str | None = None, *, grid: int = 1
) -> Pixels:
    """(16, 128, 128, 3) uint8."""
    ground = _ground(scene.colour, rng)
    style = _style(library, scene.concept, style, rng)
    size = _size(_MOVING, rng, grid)
    height = rng.uniform(0.42, 0.58)
    frames = np.repeat(ground[None], FRAMES, 0)
    for n, frame in enumerate(frames):
        x, y, angle, moved = 0.5, height, 0.0, np.zeros(2, int)
        if scene.motion == "moving right":
            x, moved[0] = 0.26, n * _STEP
        elif scene.motion == "moving left":
            x, moved[0] = 0.74, -n * _STEP
        elif scene.motion == "jumping":
            y, moved[1] = 0.75, -_STEP * round(14 * abs(np.sin(2 * np.pi * n / FRAMES)))
        else:
            angle = 360 * n / FRAMES
        sprite = library.sized(scene.concept, style, size, angle)
        _paste(frame, sprite, x, y, moved, grid)
    return frames.round().astype(np.uint8)


def render_sound(scene: Sound, library: Library, rng: Generator) -> Pixels:
    """(49152,) float32: 3.072 s at 16 kHz, each repetition an onset of its own."""
    count = vocabulary().repetitions.index(scene.repetition) + 1
    hits = library.sounds[scene.concept]
    hit = hits[int(rng.integers(len(hits)))]
    slot = SAMPLES // count
    length = min(len(hit), int(slot * 0.8), int(1.9 * RATE))
    hit = hit[:length].copy()
    fade = min(800, length // 3)
    hit[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    sound = np.zeros(SAMPLES, np.float32)
    first = int(rng.integers(0, max(1, slot // 10)))
    for n in range(count):
        start = first + n * slot
        sound[start : start + length] += hit[: SAMPLES - start]
    return sound * (rng.uniform(0.6, 0.9) / max(1e-4, float(np.abs(sound).max())))


def _ground(colour: str, rng: Generator) -> Pixels:
    shade = np.array(vocabulary().colours[colour]) + rng.integers(-8, 9)
    return np.broadcast_to(shade.clip(0, 255).astype(np.float32), (SIDE, SIDE, 3)).copy()


def _style(library: Library, name: str, style: str | None, rng: Generator) -> str:
    style = style or STYLES[int(rng.random() < 0.35)]
    return style if (name, style) in library.sprites else STYLES[0]


def _snap(at: float, grid: int) -> int:
    return round(at / grid) * grid


def _size(bounds: tuple[int, int], rng: Generator, grid: int) -> int:
    size = int(rng.integers(bounds[0], bounds[1] + 1))
    return size if grid == 1 else round(bounds[1] / grid) * grid


def _jitter(rng: Generator, grid: int) -> Pixels:
    by = 2 * rng.integers(-1, 2, 2)
    return by if grid == 1 else np.zeros_like(by)


def _paste(ground: Pixels, sprite: Pixels, x: float, y: float, moved: Pixels, grid: int) -> None:
    """Blend a sprite in, centred at (x, y), shares of the side, on the grid, then `moved` pixels.

    What would stick out of the picture is pushed back in.
    """
    left, top = (
        int(np.clip(_snap(at * SIDE - len(sprite) / 2, grid) + by, 0, SIDE - len(sprite)))
        for at, by in zip((x, y), moved, strict=True)
    )
    window = ground[top : top + len(sprite), left : left + len(sprite)]
    alpha = sprite[..., 3:] / 255
    window *= 1 - alpha
    window += sprite[..., :3] * alpha
