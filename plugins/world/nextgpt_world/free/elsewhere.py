"""Pictures and sounds by other hands than the library's: for evaluation alone, never for training.

Twemoji (CC-BY-4.0), OpenMoji (CC-BY-SA-4.0), stamps of Tux Paint (GPL-2) and the soundfont
TimGM6mb (GPL-2) are fetched when they are first asked for, and cut into the cache: none of them
ships. Beside the world's things there are some that it does not know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nextgpt_registry.aside import replacing
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_registry.fetch.progress import tracked
from nextgpt_registry.fetch.sources import fetch
from nextgpt_world.cutting import check_tools, draw, played, trim
from nextgpt_world.library import Array, Library, pack
from nextgpt_world.vocabulary import vocabulary

TWEMOJI = (
    "npm:@iconify-json/twemoji@1.2.5/",
    "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
)
OPENMOJI = (
    "npm:openmoji@17.0.0/color/svg/",
    "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
)
TUXPAINT = (
    "deb:tuxpaint-stamps-default=2022.06.04-1/usr/share/tuxpaint/stamps/",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
)
TIMGM = (
    "deb:timgm6mb-soundfont=1.3-5/usr/share/sounds/sf2/",
    "034abdfb296d9353433513dad5dbdcab46425ee6008fc02fe7039b46e75edc54",
)
PICTURES, SOUNDS = ("twemoji", "openmoji", "tuxpaint"), ("timgm",)
"""The styles of sprites, and of sounds."""

_SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@cache
def unknown() -> frozenset[str]:
    """The things and sounds that are drawn and played here and not in the world."""
    names = {name for group in _told().values() for name in group}
    return frozenset(names - {*vocabulary().objects, *vocabulary().sounds})


@cache
def elsewhere(style: str) -> Library | SourceError:
    """The library that has a style, made the first time; what went wrong is told once and kept."""
    try:
        return Library.load(_sounds() if style in SOUNDS else _pictures())
    except SourceError as error:
        return error


def _pictures() -> Path:
    path = _path("pictures", TWEMOJI, OPENMOJI, TUXPAINT)
    if not path.is_file():
        check_tools("pictures of other styles", "resvg_py")
        drawn = tracked(_sprites(), "pictures of other styles")
        _pack({f"sprite/{name}/{style}": trim(picture) for style, name, picture in drawn}, path)
    return path


def _sounds() -> Path:
    path = _path("sounds", TIMGM)
    if not path.is_file():
        check_tools("sounds of another soundfont", "tinysoundfont")
        known = vocabulary().sound_sources.items()
        synthetic = {t: source for t, source in known if source.startswith(("gm:", "kit:"))}
        font = fetch(TIMGM[0], sha256=TIMGM[1]) / "TimGM6mb.sf2"
        sources = {**synthetic, **_told()["sounds"]}
        _pack(
            {
                f"sound/{name}/{n}": (hit * 32767).astype(np.int16)
                for name in tracked(sources, "sounds of another soundfont", len(sources))
                for n, hit in enumerate(played(font, sources[name]))
            },
            path,
        )
    return path


def _sprites() -> Iterator[tuple[str, str, Image.Image]]:
    emoji = {**vocabulary().emoji, **_told()["emoji"]}
    twemoji = fetch(TWEMOJI[0], sha256=TWEMOJI[1])
    names = json.loads((twemoji / "chars.json").read_text(encoding="utf-8"))
    icons = json.loads((twemoji / "icons.json").read_text(encoding="utf-8"))
    side = icons["height"]
    openmoji = fetch(OPENMOJI[0], sha256=OPENMOJI[1])
    for name, code in emoji.items():
        icon = icons["icons"][names.get(code) or names[f"{code}-fe0f"]]["body"]
        yield "twemoji", name, draw(f'<svg {_SVG} viewBox="0 0 {side} {side}">{icon}</svg>')
        named = [openmoji / f"{code.upper()}{more}.svg" for more in ("", "-FE0F")]
        file = next(one for one in named if one.is_file())
        yield "openmoji", name, draw(file.read_text(encoding="utf-8"))
    stamps = fetch(TUXPAINT[0], sha256=TUXPAINT[1])
    for name, path in _told()["tuxpaint"].items():
        stamp = stamps / path
        vector = stamp.suffix == ".svg"
        yield "tuxpaint", name, draw(stamp.read_text("utf-8")) if vector else Image.open(stamp)


def _pack(tensors: Mapping[str, Array], path: Path) -> None:
    with replacing(path) as aside:
        pack(tensors, aside, made_from=path.stem)


def _path(what: str, *sources: tuple[str, str]) -> Path:
    told = repr((sources, _told(), vocabulary()))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return cache_dir() / "world" / f"{what}-{digest}.zip"


@cache
def _told() -> dict[str, Any]:
    text = files("nextgpt_world.free").joinpath("elsewhere.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
