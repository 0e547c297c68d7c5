"""Sprites and single sounds, prepared once and read from one file. Fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from nextgpt_registry.errors import SourceError
from safetensors.numpy import load_file

STYLES = ("fluent", "noto")
SPRITE = 96
RATE = 16_000


@dataclass(frozen=True)
class Library:
    """`sprites[name, style]`: (96, 96, 4) uint8; `sounds[name]`: float32 (n, N) single hits."""

    sprites: dict[tuple[str, str], np.ndarray]
    sounds: dict[str, list[np.ndarray]]

    @staticmethod
    def load(path: Path) -> Library:
        """Read a prepared file.

        Raises:
            SourceError: it is not there.
        """
        if not path.exists():
            raise SourceError(str(path), "no prepared library here", "run `nextgpt mini prepare`")
        sprites, sounds = {}, {}
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
