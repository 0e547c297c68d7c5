"""Depth scenes in words and numbers: mini's pictures without the colours that no map has."""

from __future__ import annotations

from random import Random

from nextgpt_world.judge.questions import MEDIUM, UNSAID
from nextgpt_world.scene import Picture, facts, noun, phrase, position
from nextgpt_world.vocabulary import vocabulary

FACTS = ("object", "count", "place", "size")
"""What a depth map shows of a scene."""


def stated(scene: Picture) -> dict[str, str]:
    """The scene's facts, but for the colour."""
    return {fact: value for fact, value in facts(scene).items() if fact in FACTS}


def caption(scene: Picture) -> str:
    """The one canonical wording: `three cats`, `a small cat on the left`."""
    return noun(scene) if scene.place is None else f"{noun(scene)} {position(scene.place)}"


def spoken(scene: Picture, rng: Random) -> str:
    """As a person would put it: the canonical words, or mini's with a colour that counts for
    nothing."""
    return caption(scene) if rng.random() < 0.6 else phrase(scene, rng)


def answers(fact: str) -> tuple[str, ...]:
    """The possible answers to a fact, in the order in which they are numbered."""
    words = vocabulary().words(fact)
    return (*words, MEDIUM) if fact == "size" else words


def labels(scene: Picture) -> list[int]:
    """The number of the right answer to each fact, or `UNSAID`."""
    found = stated(scene)
    if found["count"] == "one":
        found.setdefault("size", MEDIUM)
    return [answers(f).index(found[f]) if f in found else UNSAID for f in FACTS]
