"""Scenes to pixels and samples. Every random choice comes from the generator given."""

from __future__ import annotations

from typing import Any

import numpy as np

from nextgpt_mini.world.library import RATE, STYLES, Library
from nextgpt_mini.world.scene import Clip, Picture, Scene, Sound
from nextgpt_mini.world.vocabulary import vocabulary
from nextgpt_registry.media import Media

Pixels = np.ndarray[Any, np.dtype[Any]]

SIDE = 64
FRAMES = 8
FRAME_RATE = 4.0
SAMPLES = 32_768

_SIZES = {"small": (17, 20), "large": (42, 47), None: (28, 34)}
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
    scene: Scene,
    library: Library,
    rng: np.random.Generator,
    style: str | None = None,
    *,
    grid: int = 1,
) -> Media:
    """The scene as a medium of its modality; things stand on a grid of so many pixels."""
    if isinstance(scene, Sound):
        return Media("audio", render_sound(scene, library, rng), float(RATE))
    if isinstance(scene, Clip):
        return Media("video", render_clip(scene, library, rng, style, grid=grid), FRAME_RATE)
    return Media("image", render_picture(scene, library, rng, style, grid=grid))


def render_picture(
    scene: Picture,
    library: Library,
    rng: np.random.Generator,
    style: str | None = None,
    *,
    grid: int = 1,
) -> Pixels:
    """(64, 64, 3) uint8."""
    ground = _ground(scene.colour, rng)
    style = _style(library, scene.concept, style, rng)
    if scene.count == "one":
        size = _size(_SIZES[scene.size], rng, grid)
        x, y = _CENTRES[scene.place] if scene.place else rng.uniform(0.35, 0.65, 2)
        sprite = library.sized(scene.concept, style, size)
        _paste(ground, sprite, x, y, rng.integers(-1, 2, 2), grid)
    else:
        sprite = library.sized(scene.concept, style, _size((24, 27), rng, grid))
        for x, y in _GRIDS[scene.count]:
            _paste(ground, sprite, x, y, rng.integers(-1, 2, 2), grid)
    return ground.round().astype(np.uint8)


def render_clip(
    scene: Clip,
    library: Library,
    rng: np.random.Generator,
    style: str | None = None,
    *,
    grid: int = 1,
) -> Pixels:
    """(8, 64, 64, 3) uint8."""
    ground = _ground(scene.colour, rng)
    style = _style(library, scene.concept, style, rng)
    size = _size((27, 32), rng, grid)
    height = rng.uniform(0.42, 0.58)
    frames = np.repeat(ground[None], FRAMES, 0)
    for n, frame in enumerate(frames):
        along = n / (FRAMES - 1)
        x, y, angle = 0.5, height, 0
        if scene.motion == "moving right":
            x = 0.26 + 0.48 * along
        elif scene.motion == "moving left":
            x = 0.74 - 0.48 * along
        elif scene.motion == "jumping":
            y = 0.72 - 0.44 * abs(np.sin(2 * np.pi * along))
        else:
            angle = 45 * n
        sprite = library.sized(scene.concept, style, size, angle)
        _paste(frame, sprite, x, y, np.zeros(2, int), grid)
    return frames.round().astype(np.uint8)


def render_sound(scene: Sound, library: Library, rng: np.random.Generator) -> Pixels:
    """(32768,) float32: 2.048 s at 16 kHz, each repetition an onset of its own."""
    count = vocabulary().repetitions.index(scene.repetition) + 1
    hits = library.sounds[scene.concept]
    hit = hits[int(rng.integers(len(hits)))]
    slot = SAMPLES // count
    length = min(len(hit), int(slot * 0.8), int(1.3 * RATE))
    hit = hit[:length].copy()
    fade = min(800, length // 3)
    hit[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    sound = np.zeros(SAMPLES, np.float32)
    first = int(rng.integers(0, max(1, slot // 10)))
    for n in range(count):
        start = first + n * slot
        sound[start : start + length] += hit[: SAMPLES - start]
    return sound * (rng.uniform(0.6, 0.9) / max(1e-4, float(np.abs(sound).max())))


def _ground(colour: str, rng: np.random.Generator) -> Pixels:
    shade = np.array(vocabulary().colours[colour]) + rng.integers(-8, 9)
    return np.broadcast_to(shade.clip(0, 255).astype(np.float32), (SIDE, SIDE, 3)).copy()


def _style(library: Library, name: str, style: str | None, rng: np.random.Generator) -> str:
    style = style or STYLES[int(rng.random() < 0.35)]
    return style if (name, style) in library.sprites else STYLES[0]


def _snap(at: float, grid: int) -> int:
    return round(at / grid) * grid


def _size(bounds: tuple[int, int], rng: np.random.Generator, grid: int) -> int:
    size = int(rng.integers(bounds[0], bounds[1] + 1))
    return size if grid == 1 else round(bounds[1] / grid) * grid


def _paste(ground: Pixels, sprite: Pixels, x: float, y: float, jitter: Pixels, grid: int) -> None:
    left, top = (
        int(np.clip(_snap(at * SIDE - len(sprite) / 2 + by, grid), 0, SIDE - len(sprite)))
        for at, by in zip((x, y), jitter, strict=True)
    )
    window = ground[top : top + len(sprite), left : left + len(sprite)]
    alpha = sprite[..., 3:] / 255
    window *= 1 - alpha
    window += sprite[..., :3] * alpha
