"""Which combinations of words are kept for testing. Every single word is trained on.

A combination is a thing with one attribute: (cat, blue), (cat, three), (bell, twice). Of every
thing one colour, one count, one place, one motion and one repetition are held out, chosen by hash
and written to `split.json`; a scene is held out when any of its combinations is. So no picture,
clip or caption of a blue cat exists in training if (cat, blue) is held out, whatever else the
scene says, and every concept can be tested.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache, partial
from importlib.resources import files
from random import Random
from typing import Literal

from nextgpt_world.scene import Clip, Picture, Scene, Sound, facts
from nextgpt_world.vocabulary import Vocabulary, vocabulary

Split = Literal["train", "held_out"]
Kind = Literal["image", "video", "audio"]
Combination = tuple[str, str, str]

ATTRIBUTES = ("colour", "count", "place", "motion")
_TRIES = 10_000


def combinations(scene: Scene) -> tuple[Combination, ...]:
    """(fact, thing, attribute) for each attribute that the scene states."""
    stated = facts(scene)
    thing = stated.pop("object", None) or stated.pop("sound")
    return tuple((fact, thing, value) for fact, value in stated.items() if value != "one")


def choose(words: Vocabulary) -> tuple[Combination, ...]:
    """One value of each fact for each thing, by hash; `split.json` is this, written down."""
    chosen = []
    for fact in (*ATTRIBUTES, "repetition"):
        for thing in words.sounds if fact == "repetition" else words.objects:
            values = [v for v in words.words(fact) if v != "one"]
            chosen.append((fact, thing, min(values, key=partial(_digest, fact, thing))))
    return tuple(chosen)


def _digest(fact: str, thing: str, value: str) -> bytes:
    return hashlib.sha256(f"{fact}|{thing}|{value}".encode()).digest()


@cache
def held_out_combinations() -> frozenset[Combination]:
    """What `split.json` says."""
    text = files("nextgpt_world").joinpath("split.json").read_text(encoding="utf-8")
    return frozenset(
        (f, t, v) for f, things in json.loads(text).items() for t, vs in things.items() for v in vs
    )


def is_held_out(scene: Scene) -> bool:
    """Whether any combination of the scene is held out."""
    return not held_out_combinations().isdisjoint(combinations(scene))


def sample_scene(
    kind: Kind, rng: Random, *, split: Split | None = "train", concept: str | None = None
) -> Scene:
    """A random scene of one side of the split (of either, if None); of `concept`, if given.

    Raises:
        ValueError: that concept has no combination on that side.
    """
    for _ in range(_TRIES):
        scene = _draw(kind, rng, concept)
        if split is None or is_held_out(scene) == (split == "held_out"):
            return scene
    raise ValueError(f"no {kind} of {concept!r} is on the side {split!r} of the split")


def check_trainable(scene: Scene) -> Scene:
    """The scene itself, unless it is held out.

    Raises:
        ValueError: training data must never contain it.
    """
    if is_held_out(scene):
        raise ValueError(f"{scene} is held out and may not be trained on")
    return scene


def _draw(kind: Kind, rng: Random, concept: str | None) -> Scene:
    words = vocabulary()
    if kind == "audio":
        return Sound(concept or rng.choice(words.sounds), rng.choice(words.repetitions))
    thing, colour = concept or rng.choice(words.objects), rng.choice(tuple(words.colours))
    if kind == "video":
        return Clip(thing, colour, rng.choice(words.motions))
    count = rng.choice(words.counts) if rng.random() < 0.5 else "one"
    if count != "one":
        return Picture(thing, colour, count)
    place = rng.choice(words.places) if rng.random() < 0.5 else None
    size = rng.choice(words.sizes) if rng.random() < 0.4 else None
    return Picture(thing, colour, "one", place, size)
