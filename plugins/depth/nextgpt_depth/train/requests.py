"""What is asked about depth, and what a good answer says. Renders nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from random import Random

from nextgpt_depth.train.describe import caption, spoken, stated
from nextgpt_world.dialogues.exchange import name, sentence
from nextgpt_world.dialogues.follow import usual
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.scene import Picture, noun, position
from nextgpt_world.scene import caption as picture_caption
from nextgpt_world.split import combinations, held_out_combinations, is_held_out, sample_scene
from nextgpt_world.vocabulary import vocabulary

TELL = ("depth->text", "depth->image")
MAKE = ("text->depth", "image->depth")
DIRECTIONS = (*TELL, *MAKE)
_EVERY = 5
"""One in five templates is kept for testing paraphrases and never trained on."""
_METRES = {"small": "2.4", None: "1.4", "large": "1.0"}
"""How far away a single thing is, by its size, in the convention of the true maps."""
_TRIES = 10_000


@dataclass(frozen=True)
class Request:
    """What is given, what is asked for (the same, where words are wanted), and in which words."""

    direction: str
    given: Picture
    asked: Picture
    words: str
    kind: str = ""  # the fact that is asked for, or changed

    @property
    def answer(self) -> str:
        """What is said in answer to a question."""
        if not self.kind:
            return sentence(caption(self.given))
        if self.kind == "object":
            return name(self.given)
        if self.kind == "distance":
            return f"About {_METRES[self.given.size]} metres."
        value = stated(self.given)[self.kind]
        return sentence(position(value) if self.kind == "place" else value)


def request(
    direction: str,
    rng: Random,
    *,
    held_out: bool = False,
    concept: str | None = None,
    wording: Wording = "train",
    plain: bool = False,
) -> Request:
    """A random one on one side of the split; if `plain`, it asks for the whole scene.

    Raises:
        ValueError: nothing of that concept is on that side.
    """
    for _ in range(_TRIES):
        given = sample_scene("image", rng, split=None, concept=concept)
        assert isinstance(given, Picture)
        kind = "" if plain else rng.choice(_kinds(direction, given))
        asked = _asked(direction, given, kind, rng)
        trainable = not is_held_out(given) and not is_held_out(asked)
        if unseen(given) if held_out else trainable:
            words = _words(direction, kind, given, asked, rng, wording)
            return Request(direction, given, asked, words, kind)
    raise ValueError(f"nothing of {direction} with {concept!r} is on that side of the split")


def unseen(scene: Picture) -> bool:
    """Whether what a depth map shows of it is held out: a count or a place, not a colour."""
    shown = {one for one in combinations(scene) if one[0] in ("count", "place")}
    return not held_out_combinations().isdisjoint(shown)


def present(request: Request, rng: Random) -> str:
    """What an answer says of the picture that it brings."""
    template = rng.choice(templates("answers", "image", "train"))
    said = picture_caption(request.asked)
    return template.format(c=said, be="is" if request.asked.count == "one" else "are")


@cache
def templates(direction: str, kind: str, wording: Wording) -> tuple[str, ...]:
    """Those of one kind of request that this side may use."""
    text = files("nextgpt_depth.train").joinpath("wordings.json").read_text(encoding="utf-8")
    kept = wording == "paraphrase"
    known: list[str] = json.loads(text)[direction][kind]
    return tuple(t for n, t in enumerate(known) if (n % _EVERY == _EVERY - 1) == kept)


def _kinds(direction: str, given: Picture) -> list[str]:
    if direction == "depth->image":
        return ["", "colour"]
    if direction != "depth->text":
        return [""]
    single = ["distance"] if given.count == "one" else []
    return [*[""] * 6, *stated(given), *single]


def _asked(direction: str, given: Picture, kind: str, rng: Random) -> Picture:
    """A depth map has no colour: a picture of it is on the ground asked for, or the usual one."""
    if direction != "depth->image":
        return given
    colours = tuple(vocabulary().colours)
    chosen = rng.choice(colours) if kind == "colour" else usual("colour", given.concept)
    return replace(given, colour=chosen)


def _words(
    direction: str, kind: str, given: Picture, asked: Picture, rng: Random, wording: Wording
) -> str:
    template = rng.choice(templates(direction, kind, wording))
    said = spoken(given, rng) if direction == "text->depth" else noun(given)
    return template.format(p=said, colour=asked.colour)
