"""What is asked of a picture, the caption that stands for it, and which things are meant."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from nextgpt_boxes.train.scenes import Composition, Thing
from nextgpt_boxes.words import EVERYTHING
from nextgpt_world.scene import position
from nextgpt_world.vocabulary import vocabulary


@dataclass(frozen=True)
class Asked:
    """`kind` is `one` (a thing by name), `place` (the thing that is there) or `all`."""

    kind: str
    caption: str
    things: tuple[Thing, ...]  # what is meant, in the order of the composition


def by_name(composition: Composition, concept: str) -> Asked:
    """The thing of this name; nothing, where there is none."""
    meant = tuple(t for t in composition.things if t.concept == concept)
    return Asked("one", f"the {concept}", meant)


def by_place(composition: Composition, place: str) -> Asked:
    """Whatever is there."""
    meant = tuple(t for t in composition.things if t.place == place)
    return Asked("place", f"the thing {position(place)}", meant)


def everything(composition: Composition) -> Asked:
    """All things."""
    return Asked("all", EVERYTHING, composition.things)


def draw(rng: Random, composition: Composition) -> Asked:
    """Something that is there: mostly one thing by its name."""
    chance = rng.random()
    places = [t.place for t in composition.things if composition.only_at(t.place)]
    if chance < 0.25 or (chance < 0.5 and not places):
        return everything(composition)
    if chance < 0.5:
        return by_place(composition, rng.choice(places))
    return by_name(composition, rng.choice(composition.things).concept)


def absent(rng: Random, composition: Composition) -> Asked:
    """A thing that is not there."""
    there = {thing.concept for thing in composition.things}
    return by_name(composition, rng.choice([n for n in vocabulary().objects if n not in there]))
