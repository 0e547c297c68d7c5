"""Rendered training scenes, numbered: the same number is always the same example."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from nextgpt_registry.media import Media
from nextgpt_world.library import STYLES, Library
from nextgpt_world.render import render
from nextgpt_world.scene import Picture, Scene, brief, caption
from nextgpt_world.split import Kind, Split, check_trainable, sample_scene


def numbered(seed: str, number: int) -> Random:
    """What a dialogue of this number is drawn from.

    Raises:
        IndexError: it is negative: there are none before 0.
    """
    if number < 0:
        raise IndexError(f"dialogue {number}: there are none before 0")
    return Random(f"{seed} {number}")


@dataclass(frozen=True)
class Examples:
    """`examples[n]` is a medium and its caption, never of a held-out combination."""

    kind: Kind
    library: Library
    style: str | None = STYLES[0]
    grid: int = 1
    seed: str = "train"

    def __getitem__(self, number: int) -> tuple[Media, str]:
        """The `number`th example; one caption in eight says less than the scene shows."""
        rng = Random(f"{self.seed} {self.kind} {number}")
        scene = check_trainable(draw(self.kind, rng, self.library))
        noise = np.random.default_rng(rng.getrandbits(63))
        medium = render(scene, self.library, noise, self.style, grid=self.grid)
        if rng.random() > 0.125 or (isinstance(scene, Picture) and scene.place):
            return medium, caption(scene)
        return medium, brief(scene)


def draw(kind: Kind, rng: Random, library: Library, *, split: Split | None = "train") -> Scene:
    """A random scene of one side of the split (of either, if None) that a library can render."""
    while True:
        scene = sample_scene(kind, rng, split=split)
        if scene.concept in (library.sounds if kind == "audio" else library.things):
            return scene
