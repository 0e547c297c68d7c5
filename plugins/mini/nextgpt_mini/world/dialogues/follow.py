"""The scene a request asks for when another one is at hand: the same thing, changed or heard."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from nextgpt_mini.world.scene import Clip, Picture, Scene, Sound
from nextgpt_mini.world.split import Kind
from nextgpt_mini.world.vocabulary import vocabulary


def follow(given: Scene, target: Kind, kind: str, rng: Random) -> Scene:
    """What a request of this kind (the fact it changes, `same`, or '') asks for."""
    if target == "audio":
        return to_sound(given, kind, rng)
    return (to_clip if target == "video" else to_picture)(given, kind, rng)


def to_picture(given: Scene, kind: str, rng: Random) -> Picture:
    """A picture of the same thing; a ground that is not said is kept, or any."""
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
    if motion is None or kind == "motion":
        motion = _other(vocabulary().motions, motion, rng)
    return Clip(given.concept, _colour(given, kind, rng), motion)


def to_sound(given: Scene, kind: str, rng: Random) -> Sound:
    """The sound of the same thing; once, unless it is said how often."""
    repetition = given.repetition if isinstance(given, Sound) else None
    if kind == "repetition":
        return Sound(given.concept, _other(vocabulary().repetitions, repetition, rng))
    return Sound(given.concept, repetition or vocabulary().repetitions[0])


def _colour(given: Scene, kind: str, rng: Random) -> str:
    colours = tuple(vocabulary().colours)
    if isinstance(given, Sound):
        return rng.choice(colours)
    return _other(colours, given.colour, rng) if kind == "colour" else given.colour


def _other(words: tuple[str, ...], before: str | None, rng: Random) -> str:
    return rng.choice([word for word in words if word != before])
