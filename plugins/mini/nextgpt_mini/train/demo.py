"""The media files of the demo, rendered from scenes.

`python -c "from nextgpt_mini.train.demo import render_demo; render_demo()"` writes them anew, from
the library that ships. What is said about them stands in `demo.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from nextgpt_registry.catalog import Catalog
from nextgpt_world.library import LIBRARY, Library
from nextgpt_world.render import render
from nextgpt_world.scene import Clip, Picture, Scene, Sound

DEMO = Path(str(files("nextgpt_mini").joinpath("systems/demo")))

SCENES: Mapping[str, Scene] = {
    "guitar.png": Picture("guitar", "purple"),
    "piano.png": Picture("piano", "red"),
    "rabbit.png": Picture("rabbit", "purple"),
    "dog.png": Picture("dog", "red"),
    "bird.wav": Sound("bird", "three times"),
    "helicopter.wav": Sound("helicopter", "twice"),
    "flute.wav": Sound("flute", "once"),
    "turtle.mp4": Clip("turtle", "blue", "moving left"),
    "fox.mp4": Clip("fox", "yellow", "moving left"),
    "drum.mp4": Clip("drum", "white", "moving left"),
    "car.mp4": Clip("car", "yellow", "moving right"),
}
"""Each states a combination of words that is held out, but for the two that are to be changed into
one that does: the dog and the flute."""


def render_demo(folder: Path = DEMO, library: Library | None = None) -> None:
    """Write every file into `folder`."""
    library = library or Library.load(LIBRARY)
    write = Catalog.discover(("image", "audio", "video")).hook.nextgpt_write_media
    for name, scene in SCENES.items():
        rng = np.random.default_rng(len(name))
        path = folder / name
        write(
            media=render(scene, library, rng, "fluent"),
            stem=path.with_suffix(""),
            suffix=path.suffix,
        )
