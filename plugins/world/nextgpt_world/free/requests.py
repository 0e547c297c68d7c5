"""The lines of `requests.jsonl` as prompts. Renders only what is asked about, when it is asked.

    {"id", "group", "family", "ask": ["text", {"kind", "object" or "sound", …, "style"}, …],
     "want": [{"kind", FACT: VALUE, …}, …], "says", "never", "optional", "follows", "lacks"}

A medium that is shown is a scene, in a style of the library's or of `elsewhere`. Nothing wanted
means words alone. `$name` among phrases stands for those of `phrases.json`; `lacks` is the word
of a request that the world does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, partial
from importlib.resources import files
from random import Random
from typing import Any

import numpy as np

from nextgpt_registry.errors import RequestError, SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.suites import TEXT, Expected, Prompt
from nextgpt_world.free.elsewhere import PICTURES, SOUNDS, elsewhere
from nextgpt_world.library import Library, find_library
from nextgpt_world.render import render
from nextgpt_world.scene import Picture, Scene, Sound, Video

Shown = Mapping[str, str]


@cache
def lines() -> tuple[dict[str, Any], ...]:
    """What the file holds."""
    return tuple(json.loads(line) for line in _text("requests.jsonl").splitlines())


def prompts() -> tuple[Prompt, ...]:
    """All requests, in the order of the file."""
    return tuple(map(_prompt, lines()))


def scene(shown: Shown) -> Scene:
    """What a medium shows."""
    facts = {name: value for name, value in shown.items() if name not in ("kind", "style")}
    if shown["kind"] == "audio":
        return Sound(facts["sound"], facts["repetition"])
    thing = facts.pop("object")
    return Video(thing, **facts) if shown["kind"] == "video" else Picture(thing, **facts)


def _prompt(line: Mapping[str, Any]) -> Prompt:
    return Prompt(
        id=line["id"],
        direction=line["group"],
        expected=tuple(map(_expected, line.get("want", ()))) or (Expected(TEXT),),
        messages=partial(_asked, line["id"], line["ask"]),
        says=tuple(map(_phrases, line.get("says", ()))),
        never=_phrases(line.get("never", ())),
        optional=tuple(line.get("optional", ())),
        follows=line.get("follows", ""),
        family=line["family"],
    )


def _expected(wanted: Shown) -> Expected:
    facts = {name: value for name, value in wanted.items() if name != "kind"}
    concept = next((name for name in facts if name.endswith(("object", "sound"))), "")
    return Expected(wanted["kind"], facts, concept)


def _phrases(told: Iterable[str]) -> tuple[str, ...]:
    named = _named()
    return tuple(
        phrase
        for one in told
        for phrase in (named[one.removeprefix("$")] if one.startswith("$") else [one])
    )


def _asked(name: str, parts: Iterable[str | Shown]) -> tuple[Message, ...]:
    rng = Random(f"free {name}")
    given = (
        part
        if isinstance(part, str)
        else MediaPart(part["kind"], _medium(part, rng.getrandbits(63)))
        for part in parts
    )
    return (Message("user", tuple(given)),)


def _medium(shown: Shown, seed: int) -> Media:
    style = shown.get("style")
    return render(scene(shown), _library(style), np.random.default_rng(seed), style)


def _library(style: str | None) -> Library:
    if style not in (*PICTURES, *SOUNDS):
        return _own()
    found = elsewhere(style)
    if isinstance(found, SourceError):
        raise RequestError(f"media of the style {style}", found.what, found.fix)
    return found


@cache
def _named() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(_text("phrases.json"))
    return found


@cache
def _own() -> Library:
    return find_library()


def _text(name: str) -> str:
    return files("nextgpt_world.free").joinpath(name).read_text(encoding="utf-8")
