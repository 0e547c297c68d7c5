"""Pictures of one to three different things of mini's world, each with its box. Trains nothing.

A thing's place is said by where its middle is, so that every thing in a picture has a colour behind
it and a place, and can be held to the split: nothing held out is ever in a picture of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from nextgpt_boxes.train.overlap import Corners
from nextgpt_registry.media import Media
from nextgpt_world.library import STYLES, Library
from nextgpt_world.scene import Picture
from nextgpt_world.split import Split, check_trainable, is_held_out
from nextgpt_world.vocabulary import vocabulary

SIDE = 128
"""Of a picture, in pixels."""
_SIZES = {1: (34, 90), 2: (34, 58), 3: (34, 50)}
"""Of a thing, by how many there are."""
_MIDDLE = 0.1
_SEEN = 16
"""An opacity of at least so much belongs to the thing."""
_TRIES = 10_000


@dataclass(frozen=True)
class Thing:
    """A thing, its middle in shares of the picture, and its size in pixels."""

    concept: str
    x: float
    y: float
    size: int

    @property
    def place(self) -> str:
        """Where it is, in one word of the vocabulary."""
        right, down = self.x - 0.5, self.y - 0.5
        if max(abs(right), abs(down)) < _MIDDLE:
            return "centre"
        if abs(right) >= abs(down):
            return "right" if right > 0 else "left"
        return "bottom" if down > 0 else "top"


@dataclass(frozen=True)
class Composition:
    """Different things on one ground."""

    colour: str
    things: tuple[Thing, ...]

    def picture(self, thing: Thing) -> Picture:
        """The scene of mini's world that states what this one does of one of its things."""
        return Picture(thing.concept, self.colour, "one", thing.place)

    @property
    def held_out(self) -> tuple[Thing, ...]:
        """The things with a combination that is held out."""
        return tuple(t for t in self.things if is_held_out(self.picture(t)))

    def only_at(self, place: str) -> Thing | None:
        """The thing that is there, if it is the only one."""
        there = [thing for thing in self.things if thing.place == place]
        return there[0] if len(there) == 1 else None


def compose(
    rng: Random,
    *,
    split: Split = "train",
    names: Sequence[str] = (),
    with_: str = "",
) -> Composition:
    """A random composition on one side of the split; held out are those with such a thing in them.

    `names` are the things that may take part, all of them by default. One of them is `with_`, if it
    is given; then it is the one that is held out.
    """
    names = names or vocabulary().objects
    for _ in range(_TRIES):
        drawn = _draw(rng, names, with_)
        held_out = drawn.held_out
        if split == "train" and not held_out:
            for thing in drawn.things:
                check_trainable(drawn.picture(thing))
            return drawn
        if split == "held_out" and held_out and with_ in ("", *(t.concept for t in held_out)):
            return drawn
    raise ValueError(f"no picture of {with_ or 'anything'} is on the side {split!r} of the split")


def render(
    composition: Composition, library: Library, seed: int, style: str | None = None
) -> tuple[Media, tuple[Corners, ...]]:
    """The picture, (128, 128, 3) uint8, and the box of each thing, from its art's opacity."""
    rng = np.random.default_rng(seed)
    shade = np.array(vocabulary().colours[composition.colour]) + rng.integers(-8, 9)
    pixels = np.broadcast_to(shade.clip(0, 255).astype(np.float32), (SIDE, SIDE, 3)).copy()
    style = style or STYLES[int(rng.random() < 0.35)]
    boxes = tuple(_paste(pixels, thing, library, style) for thing in composition.things)
    return Media("image", pixels.round().astype(np.uint8)), boxes


def _draw(rng: Random, names: Sequence[str], with_: str) -> Composition:
    count = min(rng.choice((1, 2, 2, 3, 3)), len(names))
    chosen = rng.sample([name for name in names if name != with_], count - bool(with_))
    chosen = [*([with_] if with_ else []), *chosen]
    rng.shuffle(chosen)
    while True:
        things = tuple(_place(rng, name, count) for name in chosen)
        if _apart(things):
            return Composition(rng.choice(tuple(vocabulary().colours)), things)


def _place(rng: Random, name: str, count: int) -> Thing:
    size = rng.randint(*_SIZES[count])
    room = size / SIDE / 2
    return Thing(name, rng.uniform(room, 1 - room), rng.uniform(room, 1 - room), size)


def _apart(things: Sequence[Thing]) -> bool:
    """Whether no two squares of things meet."""
    return all(
        max(abs(one.x - other.x), abs(one.y - other.y)) * SIDE >= (one.size + other.size) / 2
        for n, one in enumerate(things)
        for other in things[:n]
    )


def _paste(pixels: Any, thing: Thing, library: Library, style: str) -> Corners:
    style = style if (thing.concept, style) in library.sprites else STYLES[0]
    sprite = library.sized(thing.concept, style, thing.size)
    left, top = (
        int(np.clip(round(at * SIDE - thing.size / 2), 0, SIDE - thing.size))
        for at in (thing.x, thing.y)
    )
    window = pixels[top : top + thing.size, left : left + thing.size]
    alpha = sprite[..., 3:] / 255
    window *= 1 - alpha
    window += sprite[..., :3] * alpha
    rows, columns = np.nonzero(sprite[..., 3] >= _SEEN)
    x0, x1 = left + columns.min(), left + columns.max() + 1
    y0, y1 = top + rows.min(), top + rows.max() + 1
    return float(x0 / SIDE), float(y0 / SIDE), float(x1 / SIDE), float(y1 / SIDE)
