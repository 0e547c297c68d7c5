"""Captions that mean the same, and captions that do not, for training. Trains nothing.

Half are of mini's world, its held-out combinations left out. Half are of any words, real and made
up: of these the encoder learns which words count, that order and inflection hardly do, and that
another number, attribute or thing is another caption.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from nextgpt_world.chat.pairs import pairs
from nextgpt_world.scene import Clip, Picture, Scene, Sound, caption, phrase
from nextgpt_world.split import check_trainable, is_held_out, sample_scene
from nextgpt_world.vocabulary import vocabulary

SYNONYMS = {
    "cat": "kitten",
    "dog": "puppy",
    "rabbit": "bunny",
    "turtle": "tortoise",
    "burger": "hamburger",
    "doughnut": "donut",
    "bicycle": "bike",
    "airplane": "plane",
    "sailboat": "boat",
    "gift": "present",
    "football": "soccer ball",
    "telephone": "phone",
    "saxophone": "sax",
    "picture": "photo",
    "small": "little",
    "large": "big",
    "twice": "two times",
    "centre": "middle",
    "background": "backdrop",
}
"""Other words for the same, put in now and then."""

_LEADS = ("", "", "", "a picture of ", "a photo of ", "an image of ", "photo: ", "the ", "find ")
_COUNTS = ("a", "one", "two", "three", "four", "five", "several", "many")
_BETWEEN = (
    *("on", "in", "near", "under", "behind", "next to", "in front of", "with", "and", "at", "of"),
    *("for", "from", "by", "to", "over", "after", "before", "during", "into", "that is"),
)
_ARTICLES = ("", "", "a ", "the ", "the ", "his ", "her ", "my ", "our ", "their ", "some ")
FACTS = ("thing", "ground", "manner")
_LETTERS = "eeeeaaaooiiuttnnsshhrrddllcmwfgypbvk"


@dataclass(frozen=True)
class Pair:
    """Two captions of the same, and three that differ from it."""

    one: str
    other: str
    unlike: str  # by one fact
    near: str  # the same thing in another number, colour or motion: nearer than
    far: str  # another thing with all else the same
    key: str  # equal for pairs that mean the same


def pair(rng: Random) -> Pair:
    """Any pair."""
    return world_pair(rng) if rng.random() < 0.5 else plain_pair(rng)


def world_pair(rng: Random) -> Pair:
    """A trainable scene of mini's world, said twice, and scenes with some fact changed."""
    scene = check_trainable(sample_scene(rng.choice(("image", "video", "audio")), rng))
    wordings = [caption(scene), phrase(scene, rng)]
    rng.shuffle(wordings)
    one, other = (_varied(wording, rng) for wording in wordings)
    unlike, near, far = (
        phrase(_changed(scene, rng, kinds), rng) for kinds in (FACTS, FACTS[1:], FACTS[:1])
    )
    return Pair(one, other, unlike, near, far, caption(scene))


def plain_pair(rng: Random) -> Pair:
    """Words without a world: `two old lamps near the window`."""
    count, between = rng.choice(_COUNTS), rng.choice(_BETWEEN)
    first, thing, second = (_word(rng) for _ in range(3))
    at = f"{between} {rng.choice(_ARTICLES)}"
    one = f"{rng.choice(_LEADS)}{count} {first} {thing} {at}{second}"
    spoken = [count, first, _inflected(thing, rng)]
    if rng.random() < 0.7:
        other_at = f"{rng.choice(_BETWEEN)} {rng.choice(_ARTICLES)}".strip()
        spoken += [rng.choice((at.strip(), other_at)), _inflected(second, rng)]
    if rng.random() < 0.2:
        spoken = [*spoken[3:], *spoken[:3]]
    other = f"{rng.choice(_LEADS)}{' '.join(spoken)}"
    words = [count, first, thing, between, second]
    which = rng.choice((0, 1, 1, 2, 2, 4))
    words[which] = _other(_COUNTS, count, rng) if which == 0 else _word(rng)
    near = f"{_other(_COUNTS, count, rng)} {thing} {rng.choice(_BETWEEN)} {second}"
    far = f"{count} {_word(rng)} {between} {_word(rng)}"
    return Pair(_varied(one, rng), other, " ".join(words), near, far, one)


def _changed(scene: Scene, rng: Random, kinds: Sequence[str]) -> Scene:
    """The scene with a fact of these kinds changed, still one that may be trained on."""
    for _ in range(200):
        changed = _change(scene, rng, rng.choice(kinds))
        if changed != scene and not is_held_out(changed):
            return changed
    raise AssertionError(f"every fact of {scene} has another value to be trained on")


def _change(scene: Scene, rng: Random, kind: str) -> Scene:
    words = vocabulary()
    if kind == "thing":
        names = words.sounds if isinstance(scene, Sound) else words.objects
        return replace(scene, concept=rng.choice(names))
    if isinstance(scene, Sound):
        return replace(scene, repetition=rng.choice(words.repetitions))
    if kind == "ground":
        return replace(scene, colour=rng.choice(tuple(words.colours)))
    if isinstance(scene, Clip):
        return replace(scene, motion=rng.choice(words.motions))
    if scene.place is not None:
        return replace(scene, place=rng.choice(words.places))
    return Picture(scene.concept, scene.colour, rng.choice(words.counts))


def _varied(text: str, rng: Random) -> str:
    """Now and then a synonym, a capital and full stop, or a slip of the keys."""
    for word, other in SYNONYMS.items():
        if rng.random() < 0.25:
            text = re.sub(rf"\b{word}(s?)\b", rf"{other}\1", text)
    if rng.random() < 0.15:
        text = f"{text.capitalize()}."
    if rng.random() < 0.1:
        at = rng.randrange(1, len(text) - 2)
        text = f"{text[:at]}{text[at + 1]}{text[at]}{text[at + 2 :]}"
    return text


def _inflected(word: str, rng: Random) -> str:
    if rng.random() < 0.5 or len(word) < 4:
        return word
    ends = {"s": "", "ing": "", "ed": "", "y": "ies", "e": "ing"}
    for end, instead in ends.items():
        if word.endswith(end):
            return f"{word.removesuffix(end)}{instead}"
    return f"{word}{rng.choice(('s', 's', 'ing', 'ed'))}"


def _word(rng: Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(_english())
    return "".join(rng.choice(_LETTERS) for _ in range(rng.randint(4, 9)))


@cache
def _english() -> tuple[str, ...]:
    """The longer words of the chat that mini is trained on."""
    text = " ".join(side for both in pairs(kept=False) for side in both).lower()
    return tuple(sorted(set(re.findall(r"\b[a-z]{4,12}\b", text))))


def _other(values: tuple[str, ...], before: str, rng: Random) -> str:
    return rng.choice([value for value in values if value != before])
