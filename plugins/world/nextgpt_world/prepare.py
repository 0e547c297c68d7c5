"""Build the library of sprites and sounds from permissively licensed packages: it ships, so once.

Pictures: Fluent 3D (MIT) and Noto (Apache-2.0) emoji. Sounds: FluidR3 GM (MIT), Sonic Pi's
samples (CC0), Kenney's effects (CC0).
"""

from __future__ import annotations

import hashlib
import json
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
from nextgpt_world.cutting import NOTES, SECONDS, check_tools, clean, draw, played, trim
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

ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 128">{}</svg>'

_MODULES = ("resvg_py", "scipy", "tinysoundfont")


def prepare(path: Path = LIBRARY) -> Path:
    """Fetch, cut, scale and pack the library; returns its path at once when it is up to date.

    Raises:
        SourceError: something that it is made with is not installed; all of that is listed.
    """
    if made_from(path) == _fingerprint():
        return path
    check_tools("world prepare", *_MODULES)
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
    rest = repr((FLUENT, NOTO, FLUID, SONIC_PI, KENNEY, SPRITE, RATE, SECONDS, NOTES))
    return hashlib.sha256(words + rest.encode()).hexdigest()


def _sprites() -> Iterator[tuple[str, str, Array]]:
    fluent = fetch(FLUENT[0], sha256=FLUENT[1])
    noto = fetch(NOTO[0], sha256=NOTO[1])
    names = json.loads((noto / "chars.json").read_text(encoding="utf-8"))
    icons = json.loads((noto / "icons.json").read_text(encoding="utf-8"))
    for name, code in vocabulary().emoji.items():
        for candidate in (f"{code}.webp", f"{code}-fe0f.webp"):
            if (fluent / candidate).exists():
                yield name, "fluent", trim(Image.open(fluent / candidate))
                break
        else:
            raise SourceError(FLUENT[0], f"no picture {code} for {name!r}", "pick another emoji")
        icon = names.get(code) or names.get(f"{code}-fe0f")
        if icon is not None and icon in icons["icons"]:
            yield name, "noto", trim(draw(ICON.format(icons["icons"][icon]["body"])))


def _hits(source: str) -> Iterator[Array]:
    kind, _, what = source.partition(":")
    if kind in ("gm", "kit"):
        yield from played(fetch(FLUID[0], sha256=FLUID[1]) / "FluidR3_GM.sf2", source)
        return
    origin, pin = SONIC_PI if kind == "sonicpi" else KENNEY
    for name in what.split(","):
        suffix = "flac" if kind == "sonicpi" else "wav"
        from scipy.signal import resample_poly  # only here

        data, rate = soundfile.read(fetch(origin, sha256=pin) / f"{name}.{suffix}", dtype="float32")
        mono = data if data.ndim == 1 else data.mean(1)
        for pitch in (0.9, 1.0, 1.1):
            yield clean(resample_poly(mono, RATE, round(rate * pitch)).astype(np.float32))
