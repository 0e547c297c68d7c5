"""Art of others cut to the library's form: drawings to square sprites, notes to single sounds."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from nextgpt_registry.errors import SourceError
from nextgpt_registry.targets import missing
from nextgpt_world.library import RATE, SPRITE, Array

SECONDS = 1.6
NOTES = (-5, -2, 0, 2, 4, 7)
"""Semitones about middle C that an instrument is heard at."""

_COMMANDS = ("npm", "apt-get", "dpkg-deb")
_HELD = 0.9
_DRAWN = 256  # pixels that a vector is drawn with, before it is cut


def check_tools(who: str, *modules: str) -> None:
    """Return where these modules are installed, and what fetches packages is.

    Raises:
        SourceError: something is not; all of that is listed.
    """
    absent = [f"the Python package {module}" for module in missing(modules)]
    absent += [f"the command {name}" for name in _COMMANDS if shutil.which(name) is None]
    if absent:
        raise SourceError(
            who,
            f"needs {', '.join(absent)}",
            "pip install 'nextgpt-world[train]', then pip install --no-deps tinysoundfont==0.3.7 "
            "(its playback library is not needed); npm and apt-get come with the system",
        )


def draw(svg: str) -> Image.Image:
    """A vector as a picture of at most 256 pixels a side."""
    import resvg_py  # only what makes a library draws vectors

    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=_DRAWN, height=_DRAWN)
    except ValueError as error:
        raise SourceError("a drawing", f"cannot be drawn: {error}", "pick another") from error
    return Image.open(io.BytesIO(bytes(png)))


def trim(image: Image.Image) -> Array:
    """A picture without its empty margins, in the middle of a square: (S, S, 4) uint8."""
    image = image.convert("RGBA")
    box = image.getchannel("A").point(lambda a: 255 * (a > 16)).getbbox() or (0, 0, *image.size)
    cut = image.crop(box)
    side = max(cut.size)
    square = Image.new("RGBA", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return np.asarray(square.resize((SPRITE, SPRITE), Image.Resampling.LANCZOS))


def played(soundfont: Path, source: str) -> Iterator[Array]:
    """A program (`gm:24`) at several heights, or a key of the drum kit (`kit:38`): (N,) float32."""
    import tinysoundfont  # only what makes a library plays notes

    kind, _, number = source.partition(":")
    synth = tinysoundfont.Synth(samplerate=RATE)
    font = synth.sfload(str(soundfont))
    for note in NOTES if kind == "gm" else (0, 0, 0):
        key = 60 + note if kind == "gm" else int(number)
        if kind == "gm":
            synth.program_select(0, font, 0, int(number))
        else:
            synth.program_select(0, font, 128, 0, True)
        synth.noteon(0, key, 110)
        held = bytes(synth.generate(int(_HELD * RATE)))
        synth.noteoff(0, key)
        tail = bytes(synth.generate(int((SECONDS - _HELD) * RATE)))
        synth.sounds_off(0)
        synth.generate(RATE // 10)
        yield clean(np.frombuffer(held + tail, np.float32).reshape(-1, 2).mean(1))


def clean(sound: Array) -> Array:
    """A sound without its silent ends, as loud as any other."""
    peak = float(np.abs(sound).max())
    loud = np.flatnonzero(np.abs(sound) > 0.02 * peak)
    sound = sound[loud[0] : loud[-1] + 1][: int(SECONDS * RATE)]
    return sound * (0.9 / max(peak, 1e-6))
