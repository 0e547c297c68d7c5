"""Sprites and single sounds, prepared once and read from one file. Fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from nextgpt_registry.errors import SourceError

Array = np.ndarray[Any, np.dtype[Any]]

STYLES = ("fluent", "noto")
SPRITE = 96
RATE = 16_000


@dataclass(frozen=True)
class Library:
    """`sprites[name, style]`: (S, S, 4) uint8, S being 96, in the samples 48.

    `sounds[name]`: single hits, each (N,) float32 at 16 kHz.
    """

    sprites: dict[tuple[str, str], Array]
    sounds: dict[str, list[Array]]
    _sized: dict[tuple[str, str, int, float], Array] = field(
        default_factory=dict, repr=False, compare=False
    )

    @staticmethod
    def load(path: Path) -> Library:
        """Read a prepared file.

        Raises:
            SourceError: it is not there.
        """
        if not path.exists():
            raise SourceError(str(path), "no prepared library here", "run `nextgpt mini prepare`")
        sprites: dict[tuple[str, str], Array] = {}
        sounds: dict[str, list[Array]] = {}
        for key, value in load_file(path).items():
            kind, name, which = key.split("/")
            if kind == "sprite":
                sprites[name, which] = value
            else:
                sounds.setdefault(name, []).append(value.astype(np.float32) / 32767)
        return Library(sprites, sounds)

    @staticmethod
    def samples() -> Library:
        """A dozen things and a few sounds that ship with the plugin, for tests."""
        return Library.load(Path(str(files("nextgpt_mini.world").joinpath("samples.safetensors"))))

    @property
    def things(self) -> tuple[str, ...]:
        """The objects that have a sprite, in the order of the vocabulary."""
        return tuple(dict.fromkeys(name for name, _ in self.sprites))

    def sized(self, name: str, style: str, size: int, angle: float = 0) -> Array:
        """(size, size, 4) float32: a sprite turned clockwise by so many degrees; kept for later."""
        key = (name, style, size, angle)
        if key not in self._sized:
            image = Image.fromarray(self.sprites[name, style])
            if angle:
                image = image.rotate(-angle, Image.Resampling.BICUBIC)
            self._sized[key] = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
        return self._sized[key].astype(np.float32)
