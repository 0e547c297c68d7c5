"""Rendered depth maps and what they show, made once and kept. Trains nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nextgpt_depth.maps import to_maps
from nextgpt_depth.train.describe import caption, labels
from nextgpt_depth.train.scenes import DepthRenderer
from nextgpt_registry.aside import replacing
from nextgpt_registry.fetch.progress import tracked
from nextgpt_world.examples import draw
from nextgpt_world.library import STYLES, Library
from nextgpt_world.scene import Picture
from nextgpt_world.split import Split, check_trainable

GRID = 16
"""Things that a decoder learns to make stand on cells of so many of a picture's 128 pixels."""


@dataclass(frozen=True)
class Drawn:
    """Which scenes: a side of the split, or both; as decoders are to make them, or any."""

    seed: str
    split: Split | None = "train"
    tidy: bool = False  # one style, on the grid

    def scene(self, number: int, library: Library) -> tuple[Picture, int]:
        """The `number`th scene and the seed that it is rendered with."""
        rng = Random(f"depth {self.seed} {number}")
        scene = draw("image", rng, library, split=self.split)
        assert isinstance(scene, Picture)
        if self.split == "train":
            check_trainable(scene)
        return scene, rng.getrandbits(63)


@dataclass(frozen=True)
class Bank:
    """(N, 1, 64, 64) maps, (N, 4) right answers, N captions."""

    maps: Tensor
    labels: Tensor
    captions: tuple[str, ...]


def bank(drawn: Drawn, library: Library, count: int, path: Path) -> Bank:
    """The first `count` of them, from `path` if it is there."""
    scenes = [drawn.scene(number, library) for number in range(count)]
    captions = tuple(caption(scene) for scene, _ in scenes)
    wanted = torch.tensor([labels(scene) for scene, _ in scenes])
    if not path.exists():
        _render(drawn, scenes, library, path)
    return Bank(load_file(path)["maps"], wanted, captions)


def _render(drawn: Drawn, scenes: list[tuple[Picture, int]], library: Library, path: Path) -> None:
    renderer = DepthRenderer(library)
    style, grid = (STYLES[0], GRID) if drawn.tidy else (None, 1)
    maps = [
        to_maps([renderer.depth(scene, seed, style, grid=grid)]).half()
        for scene, seed in tracked(scenes, f"depth maps for {drawn.seed}", len(scenes))
    ]
    with replacing(path) as aside:
        save_file({"maps": torch.cat(maps)}, aside)
