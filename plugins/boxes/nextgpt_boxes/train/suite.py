"""The suite `boxes`: where things are in pictures with combinations that were never trained on.

An answer is right where there are as many boxes as things meant, each of the right name and
overlapping by half or more with the true one. The judge is not told what was asked: it knows the
suite's pictures by their addresses, which boxes keep, and says of each thing in it whether some box
finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from random import Random

from nextgpt_boxes.medium import of_media
from nextgpt_boxes.modality import BOXES
from nextgpt_boxes.train import asked
from nextgpt_boxes.train.asked import Asked
from nextgpt_boxes.train.data import Dialogues, request
from nextgpt_boxes.train.overlap import Corners, found
from nextgpt_boxes.train.scenes import Composition, compose, render
from nextgpt_boxes.words import labels
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.suites import Expected, Named, Prompt, Suite
from nextgpt_world.dialogues.wordings import Wording

DIRECTIONS = {"one": "image->boxes", "place": "image->boxes by place", "all": "image->all boxes"}
GOALS: Mapping[str, float] = {
    "*/structure": 0.95,
    "image->boxes/concept": 0.85,
    "image->boxes/attributes": 0.80,
    "image->boxes by place/attributes": 0.60,
    "image->all boxes/attributes": 0.75,
}
_COUNTS = ("no", "one", "two", "three")
FOUND = "found"


def boxes(*, wording: Wording = "train", library: str = "") -> Suite:
    """Every thing by its name, by its place, and among all things of a picture.

    `wording` may be `paraphrase`, requests in words that were kept from training: that suite is
    called `boxes-paraphrase`. `library` is as `Dialogues` takes it.
    """
    name = "boxes" if wording == "train" else f"boxes-{wording}"
    source = Dialogues(split="held_out", wording=wording, library=library)
    judges = {BOXES.name: Named("nextgpt_boxes.train.suite:Judge", {"library": library})}
    return Suite(name, tuple(_prompts(source)), judges, GOALS)


def _prompts(source: Dialogues) -> Iterator[Prompt]:
    for concept in source.art.things:
        for kind, direction in DIRECTIONS.items():
            rng = Random(f"boxes suite {kind} {concept}")
            _, said = _question(kind, concept, source, rng)
            words = request(said, rng, source.wording)
            turns = partial(_turns, source, concept, kind, words)
            yield Prompt(f"{direction}/{concept}", direction, (_expected(said),), turns)


def _question(kind: str, concept: str, source: Dialogues, rng: Random) -> tuple[Composition, Asked]:
    while True:
        scene = compose(rng, split="held_out", names=source.art.things, with_=concept)
        [thing] = [t for t in scene.things if t.concept == concept]
        if kind == "one":
            return scene, asked.by_name(scene, concept)
        if kind == "place" and scene.only_at(thing.place):
            return scene, asked.by_place(scene, thing.place)
        if kind == "all" and len(scene.things) > 1:
            return scene, asked.everything(scene)


def _expected(said: Asked) -> Expected:
    facts = {"count": _COUNTS[len(said.things)]}
    facts |= {_where(thing.concept): FOUND for thing in said.things}
    if len(said.things) > 1:
        return Expected(BOXES.name, facts)
    return Expected(BOXES.name, {"object": said.things[0].concept, **facts}, "object")


def _turns(source: Dialogues, concept: str, kind: str, words: str) -> tuple[Message, ...]:
    picture, _ = _shown(source, concept, kind)
    return (Message("user", (MediaPart("image", picture), words)),)


def _shown(source: Dialogues, concept: str, kind: str) -> tuple[Media, dict[str, Corners]]:
    """The picture of a prompt, and what is where in it."""
    rng = Random(f"boxes suite {kind} {concept}")
    scene, _ = _question(kind, concept, source, rng)
    seed = Random(f"boxes picture {kind} {concept}").getrandbits(63)
    picture, corners = render(scene, source.art, seed)
    return picture, {t.concept: c for t, c in zip(scene.things, corners, strict=True)}


def _where(concept: str) -> str:
    return f"where the {concept} is"


class Judge:
    """Says which things boxes name, how many boxes there are, and which things they find."""

    def __init__(self, library: str = "") -> None:
        """Renders nothing yet."""
        self._source = Dialogues(split="held_out", library=library)

    @property
    def ceiling(self) -> Mapping[str, float]:
        """What is true of the suite's pictures is known, not estimated."""
        return dict.fromkeys(("object", "count", *map(_where, labels())), 1.0)

    @cached_property
    def truth(self) -> Mapping[str, Mapping[str, Corners]]:
        """By the address of each picture of the suite: the box of each thing in it."""
        shown = (
            _shown(self._source, concept, kind)
            for concept in self._source.art.things
            for kind in DIRECTIONS
        )
        return {picture.sha256: corners for picture, corners in shown}

    def facts(self, answers: Sequence[Media]) -> list[dict[str, str]]:
        """N media -> N mappings of fact to answer; of another picture, not which are found."""
        return [self._facts(media) for media in answers]

    def _facts(self, media: Media) -> dict[str, str]:
        told = of_media(media)
        facts = {"count": dict(enumerate(_COUNTS)).get(len(told.boxes), "many")}
        if told.boxes:
            facts["object"] = told.boxes[0].label  # the surest
        for concept, corners in self.truth.get(told.picture.sha256, {}).items():
            facts[_where(concept)] = FOUND if found(told.boxes, concept, corners) else "missed"
        return facts
