"""Build the library of sprites and sounds from permissively licensed packages: it ships, so once.

Pictures: Fluent 3D (MIT) and Noto (Apache-2.0) emoji. Sounds: FluidR3 GM (MIT), Sonic Pi's
samples (CC0), Kenney's effects (CC0).
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from safetensors.numpy import save_file

from nextgpt_registry.aside import replacing
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.progress import tracked
from nextgpt_registry.fetch.sources import fetch
from nextgpt_registry.targets import missing
from nextgpt_world.library import (
    LIBRARY,
    RATE,
    SPRITE,
    STYLES,
    Array,
    Library,
    made_from,
    pack,
)
from nextgpt_world.vocabulary import vocabulary

FLUENT = (
    "npm:@lobehub/fluent-emoji-3d@1.1.0/assets/",
    "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
)
NOTO = (
    "npm:@iconify-json/noto@1.2.9/",
    "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
)
FLUID = (
    "deb:fluid-soundfont-gm=3.1-5.3/usr/share/sounds/sf2/",
    "6f531493ac4e4d9772fd96b2488ea1790af81c196135fbdd25997da0781fc60e",
)
SONIC_PI = (
    "deb:sonic-pi-samples=3.2.2~repack-8/usr/share/sonic-pi/samples/",
    "25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d",
)
KENNEY = (
    "pypi:arcade==3.3.3/arcade/resources/assets/sounds/",
    "25f4e0e5b8bcbe7a7d087c0a23b19e9f423b0c70ec00945c8712c9a3e541ebd2",
)

SAMPLES = (
    *("cat", "frog", "apple", "banana", "car", "star"),
    *("guitar", "trumpet", "bell", "drum", "coin", "bird"),
)
SAMPLE_SOUNDS = ("guitar", "trumpet", "bell", "drum", "coin", "bird", "harp", "cowbell")

_MODULES = ("resvg_py", "scipy", "tinysoundfont")
_COMMANDS = ("npm", "apt-get", "dpkg-deb")
_SECONDS = 1.6
_NOTES = (-5, -2, 0, 2, 4, 7)


def prepare(path: Path = LIBRARY) -> Path:
    """Fetch, cut, scale and pack the library; returns its path at once when it is up to date.

    Raises:
        SourceError: something that it is made with is not installed; all of that is listed.
    """
    if made_from(path) == _fingerprint():
        return path
    _check_tools()
    tensors: dict[str, Array] = {}
    pictures, sounds = 2 * len(vocabulary().objects), vocabulary().sounds
    for name, style, sprite in tracked(_sprites(), "pictures", pictures):
        tensors[f"sprite/{name}/{style}"] = sprite
    for name in tracked(sounds, "sounds", len(sounds)):
        for n, sound in enumerate(_hits(vocabulary().sound_sources[name])):
            tensors[f"sound/{name}/{n}"] = (sound * 32767).astype(np.int16)
    with replacing(path) as aside:
        pack(tensors, aside, made_from=_fingerprint())
    return path


def _check_tools() -> None:
    absent = [f"the Python package {m}" for m in missing(_MODULES)]
    absent += [f"the command {name}" for name in _COMMANDS if shutil.which(name) is None]
    if absent:
        raise SourceError(
            "world prepare",
            f"needs {', '.join(absent)}",
            "pip install 'nextgpt-world[train]', then pip install --no-deps tinysoundfont==0.3.7 "
            "(its playback library is not needed); npm and apt-get come with the system",
        )


def write_samples(library: Library, path: Path) -> None:
    """Cut the few small sprites and short sounds that are committed for tests."""
    tensors: dict[str, Array] = {}
    for name in SAMPLES:
        for style in STYLES:
            sprite = library.sized(name, style, 48)
            tensors[f"sprite/{name}/{style}"] = sprite.round().astype(np.uint8)
    for name in SAMPLE_SOUNDS:
        for n, hit in enumerate(library.sounds[name][:2]):
            tensors[f"sound/{name}/{n}"] = (hit[: int(0.6 * RATE)] * 32767).astype(np.int16)
    save_file(tensors, path)


def _fingerprint() -> str:
    """What the library depends on: words, sources, sizes."""
    words = files("nextgpt_world").joinpath("vocabulary.json").read_bytes()
    rest = repr((FLUENT, NOTO, FLUID, SONIC_PI, KENNEY, SPRITE, RATE, _SECONDS, _NOTES))
    return hashlib.sha256(words + rest.encode()).hexdigest()


def _sprites() -> Iterator[tuple[str, str, Array]]:
    fluent = fetch(FLUENT[0], sha256=FLUENT[1])
    noto = fetch(NOTO[0], sha256=NOTO[1])
    names = json.loads((noto / "chars.json").read_text(encoding="utf-8"))
    icons = json.loads((noto / "icons.json").read_text(encoding="utf-8"))
    for name, code in vocabulary().emoji.items():
        for candidate in (f"{code}.webp", f"{code}-fe0f.webp"):
            if (fluent / candidate).exists():
                yield name, "fluent", _trim(Image.open(fluent / candidate))
                break
        else:
            raise SourceError(FLUENT[0], f"no picture {code} for {name!r}", "pick another emoji")
        icon = names.get(code) or names.get(f"{code}-fe0f")
        if icon is not None and icon in icons["icons"]:
            yield name, "noto", _trim(_draw(icons["icons"][icon]["body"]))


def _draw(body: str) -> Image.Image:
    import resvg_py  # only this one step draws vectors

    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 128">{body}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=svg, width=256, height=256)
    return Image.open(io.BytesIO(bytes(png)))


def _trim(image: Image.Image) -> Array:
    image = image.convert("RGBA")
    box = image.getchannel("A").point(lambda a: 255 * (a > 16)).getbbox() or (0, 0, *image.size)
    cut = image.crop(box)
    side = max(cut.size)
    square = Image.new("RGBA", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return np.asarray(square.resize((SPRITE, SPRITE), Image.Resampling.LANCZOS))


def _hits(source: str) -> Iterator[Array]:
    kind, _, what = source.partition(":")
    if kind in ("gm", "kit"):
        yield from _played(kind, int(what))
        return
    origin, pin = SONIC_PI if kind == "sonicpi" else KENNEY
    for name in what.split(","):
        suffix = "flac" if kind == "sonicpi" else "wav"
        from scipy.signal import resample_poly  # only here

        data, rate = soundfile.read(fetch(origin, sha256=pin) / f"{name}.{suffix}", dtype="float32")
        mono = data if data.ndim == 1 else data.mean(1)
        for pitch in (0.9, 1.0, 1.1):
            yield _clean(resample_poly(mono, RATE, round(rate * pitch)).astype(np.float32))


def _played(kind: str, number: int) -> Iterator[Array]:
    import tinysoundfont  # only this one step plays notes

    synth = tinysoundfont.Synth(samplerate=RATE)
    font = synth.sfload(str(fetch(FLUID[0], sha256=FLUID[1]) / "FluidR3_GM.sf2"))
    for note in _NOTES if kind == "gm" else (0, 0, 0):
        key = 60 + note if kind == "gm" else number
        if kind == "gm":
            synth.program_select(0, font, 0, number)
        else:
            synth.program_select(0, font, 128, 0, True)
        synth.noteon(0, key, 110)
        held = bytes(synth.generate(int(0.9 * RATE)))
        synth.noteoff(0, key)
        tail = bytes(synth.generate(int((_SECONDS - 0.9) * RATE)))
        synth.sounds_off(0)
        synth.generate(RATE // 10)
        yield _clean(np.frombuffer(held + tail, np.float32).reshape(-1, 2).mean(1))


def _clean(sound: Array) -> Array:
    peak = float(np.abs(sound).max())
    loud = np.flatnonzero(np.abs(sound) > 0.02 * peak)
    sound = sound[loud[0] : loud[-1] + 1][: int(_SECONDS * RATE)]
    return sound * (0.9 / max(peak, 1e-6))
