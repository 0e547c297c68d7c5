"""The true depth of mini's scenes, from the silhouettes its own renderer draws. For data only.

The convention, which no picture states and every map here follows: a pinhole camera with a focal
length of one picture's side. Every thing is 0.7 m wide, as wide as its sprite, so a sprite that
takes the share s of the side is 0.7 / s metres away: a large one about 1.0, one whose size is not
said 1.4, one of several 1.8, a small one 2.4. It is rounded, and swells by up to 0.25 m towards the
camera where it is widest. Behind is a wall that leans forward at its foot: 4 m away at the top of
the picture, 3 m at the bottom. Where a thing stands moves it across, and neither nearer nor
farther.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from nextgpt_registry.media import Media
from nextgpt_world.library import Array, Library
from nextgpt_world.render import render
from nextgpt_world.scene import Picture

THING, SWELL = 0.7, 0.25
WALL = (4.0, 3.0)
"""Metres, at the top and at the bottom."""


@dataclass(frozen=True)
class _Shapes(Library):
    """A library of relief instead of colour: red is full, green how much it swells, blue its size.

    With `inked` False all three are 0; the difference of two renderings is then the things alone,
    whatever ground they stand on.
    """

    base: Library | None = None
    inked: bool = True

    def sized(self, name: str, style: str, size: int, angle: float = 0) -> Array:
        """(size, size, 4) float32, as the sprites are."""
        assert self.base is not None
        key = (name, style, size, angle)
        if key not in self._sized:
            painted = self.base.sized(*key)
            painted[..., :3] = 0
            if self.inked:
                painted[..., 0] = 255
                painted[..., 1] = 255 * _rounded(painted[..., 3] >= 128)
                painted[..., 2] = size
            self._sized[key] = painted
        return self._sized[key]


class DepthRenderer:
    """Pictures of a library and their true depth: the same seed, the same scene as it stands."""

    def __init__(self, library: Library) -> None:
        """Shapes are made of sprites when they are first needed, and kept."""
        self.library = library
        self._full, self._empty = (
            _Shapes(library.sprites, library.sounds, base=library, inked=inked)
            for inked in (True, False)
        )

    def picture(
        self, scene: Picture, seed: int, style: str | None = None, *, grid: int = 1
    ) -> Media:
        """The picture that `depth` with the same seed measures."""
        return render(scene, self.library, np.random.default_rng(seed), style, grid=grid)

    def depth(self, scene: Picture, seed: int, style: str | None = None, *, grid: int = 1) -> Media:
        """The depth map: (128, 128) float32 in metres."""
        full, empty = (
            render(scene, shapes, np.random.default_rng(seed), style, grid=grid).data
            for shapes in (self._full, self._empty)
        )
        things = full.astype(np.float32) - empty
        return Media("depth", _metres(things))


def _metres(things_HWC: Array) -> Array:
    """What the things add to a picture, in the colours of `_Shapes` -> (H, W) float32."""
    covered = things_HWC[..., 0] >= 128
    share = np.maximum(things_HWC[..., 0], 1) / 255  # of a pixel that is a thing's
    side = len(covered)
    wall = np.linspace(*WALL, side, dtype=np.float32)[:, None].repeat(side, 1)
    if not covered.any():
        return wall
    size = float(np.median((things_HWC[..., 2] / share)[covered]))
    swelling = (things_HWC[..., 1] / 255 / share).clip(0, 1)
    metres = np.where(covered, THING * side / size - SWELL * swelling, wall)
    return metres.astype(np.float32)


def _rounded(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> Array:
    """(H, W) -> 0 to 1: a quarter of a circle from the outline to where it is widest."""
    deep: Array = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    away = 1 - deep / max(float(deep.max()), 1.0)
    rounded: Array = np.sqrt((1 - away**2).clip(0)).astype(np.float32)
    return rounded * inside
