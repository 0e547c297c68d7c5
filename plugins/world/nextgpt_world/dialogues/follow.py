"""The scene a request asks for when another one is at hand: the same thing, changed or heard.

What a request does not say is kept, or the usual one of the thing: the first of `USUAL` that is
not held out for it. So a sound is heard once, unless that is held out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

from nextgpt_world.scene import Clip, Picture, Scene, Sound
from nextgpt_world.split import Kind, held_out_combinations
from nextgpt_world.vocabulary import vocabulary

USUAL = {
    "colour": ("white", "blue", "green"),
    "motion": ("jumping", "moving right", "spinning"),
    "repetition": ("once", "twice"),
}


@cache
def usual(fact: str, thing: str) -> str:
    """The ground, motion or repetition of a thing where none is asked for."""
    return next(v for v in USUAL[fact] if (fact, thing, v) not in held_out_combinations())


def follow(given: Scene, target: Kind, kind: str, rng: Random) -> Scene:
    """What a request of this kind (the fact it changes, `same`, or '') asks for."""
    if target == "audio":
        return to_sound(given, kind, rng)
    return (to_clip if target == "video" else to_picture)(given, kind, rng)


def to_picture(given: Scene, kind: str, rng: Random) -> Picture:
    """A picture of the same thing on the same ground, if it had one."""
    colour, words = _colour(given, kind, rng), vocabulary()
    here = Picture(given.concept, colour)
    if isinstance(given, Picture):
        here = replace(given, colour=colour)
    if kind == "count":
        return Picture(given.concept, colour, _other(words.counts[1:], here.count, rng))
    if kind == "size":
        return replace(here, size=_other(words.sizes, here.size, rng))
    if kind == "place":
        return replace(here, place=_other(words.places, here.place, rng))
    return here


def to_clip(given: Scene, kind: str, rng: Random) -> Clip:
    """A clip of the same thing; its motion changes if asked, a picture's begins."""
    motion = given.motion if isinstance(given, Clip) else None
    if kind == "":
        motion = usual("motion", given.concept)
    elif motion is None or kind == "motion":
        motion = _other(vocabulary().motions, motion, rng)
    return Clip(given.concept, _colour(given, kind, rng), motion)


def to_sound(given: Scene, kind: str, rng: Random) -> Sound:
    """The sound of the same thing, as often as it was heard before."""
    repetition = given.repetition if isinstance(given, Sound) else None
    if kind == "repetition":
        return Sound(given.concept, _other(vocabulary().repetitions, repetition, rng))
    return Sound(given.concept, repetition or usual("repetition", given.concept))


def unsaid(scene: Scene) -> Scene:
    """The scene that its thing alone (with its count, size or motion) asks for."""
    if isinstance(scene, Sound):
        return Sound(scene.concept, usual("repetition", scene.concept))
    scene = replace(scene, colour=usual("colour", scene.concept))
    return replace(scene, place=None) if isinstance(scene, Picture) else scene


def _colour(given: Scene, kind: str, rng: Random) -> str:
    if isinstance(given, Sound):
        colours = tuple(vocabulary().colours)
        return rng.choice(colours) if kind == "colour" else usual("colour", given.concept)
    return (
        _other(tuple(vocabulary().colours), given.colour, rng) if kind == "colour" else given.colour
    )


def _other(words: tuple[str, ...], before: str | None, rng: Random) -> str:
    return rng.choice([word for word in words if word != before])
