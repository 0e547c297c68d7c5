"""Sprites and single sounds, prepared once and read from one file. Fetches nothing.

library.zip            all of them, without loss: sprite/NAME/STYLE.webp, sound/NAME/N.flac
samples.safetensors    a dozen things and a few sounds, small, for tests
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image
from safetensors.numpy import load_file

from nextgpt_registry.errors import SourceError

Array = np.ndarray[Any, np.dtype[Any]]

STYLES = ("fluent", "noto")
SPRITE = 96
RATE = 16_000
LIBRARY = Path(str(files("nextgpt_world").joinpath("library.zip")))
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever they are packed


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
        if not path.is_file():
            raise SourceError(str(path), "there is no such library", "name a file, or `samples`")
        sprites: dict[tuple[str, str], Array] = {}
        sounds: dict[str, list[Array]] = {}
        packed = _unpacked(path) if path.suffix == ".zip" else load_file(path).items()
        for key, value in packed:
            kind, name, which = key.split("/")
            if kind == "sprite":
                sprites[name, which] = value
            else:
                sounds.setdefault(name, []).append(value.astype(np.float32) / 32767)
        return Library(sprites, sounds)

    @staticmethod
    def samples() -> Library:
        """A dozen things and a few sounds that ship with the plugin, for tests."""
        return Library.load(Path(str(files("nextgpt_world").joinpath("samples.safetensors"))))

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


def find_library(name: str = "") -> Library:
    """The library that ships, its `samples`, or that of a file.

    Raises:
        SourceError: it is not there.
    """
    if name == "samples":
        return Library.samples()
    return Library.load(Path(name) if name else LIBRARY)


def pack(tensors: Mapping[str, Array], path: Path, *, made_from: str) -> None:
    """Write sprites, (S, S, 4) uint8, and sounds, (N,) int16 at 16 kHz, so that they come back."""
    with zipfile.ZipFile(path, "w") as out:  # stored: what is in it is small already
        out.comment = made_from.encode()
        for name, value in sorted(tensors.items()):  # the order in which things are drawn
            data = io.BytesIO()
            if value.ndim == 3:
                suffix = "webp"
                Image.fromarray(value).save(
                    data, "WEBP", lossless=True, exact=True, quality=100, method=6
                )
            else:
                suffix = "flac"
                soundfile.write(data, value, RATE, "PCM_16", format="FLAC", compression_level=1.0)
            out.writestr(zipfile.ZipInfo(f"{name}.{suffix}", _LONG_AGO), data.getvalue())


def made_from(path: Path) -> str:
    """What a packed library was made from; empty where there is none."""
    if not path.is_file():
        return ""
    with zipfile.ZipFile(path) as packed:
        return packed.comment.decode()


def _unpacked(path: Path) -> Iterator[tuple[str, Array]]:
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            stem, _, suffix = name.rpartition(".")
            data = io.BytesIO(packed.read(name))
            yield (
                stem,
                np.asarray(Image.open(data))
                if suffix == "webp"
                else soundfile.read(data, dtype="int16")[0],
            )
