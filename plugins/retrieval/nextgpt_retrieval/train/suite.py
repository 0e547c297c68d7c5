"""The suite `retrieval`: is what is found what was looked for, of combinations never trained on?

A picture counts as found if it carries its source, and shows what the caption of that item says:
one that was made instead has no facts but that. So the share of concepts and attributes together
that are right is the recall at 1, with no judge that could err. `any2any` sees a picture either
way; here requests to draw, too, are asked, and must be answered with one that was made, and talk
in the words of a search, to be answered with words alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from random import Random

from nextgpt_registry.media import Media
from nextgpt_registry.messages import Message
from nextgpt_registry.suites import Expected, Named, Prompt, Suite
from nextgpt_retrieval.train.data import DRAWN, GIVEN, Dialogues
from nextgpt_retrieval.train.samples import held_out, scenes
from nextgpt_retrieval.train.talk import talk
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.scene import Clip, Picture, Scene, Sound, caption, facts
from nextgpt_world.suite import any2any
from nextgpt_world.talk import worded

KIND = "image"
GOALS: Mapping[str, float] = {
    "*/structure": 0.95,
    "text->found/concept": 0.9,
    "text->found/attributes": 0.8,
    "*/concept": 0.6,
    **{f"{direction}/concept": 0.95 for direction in DRAWN},
}
MADE = {"origin": "made"}


def retrieval(*, wording: Wording = "train", library: str = "") -> Suite:
    """Each thing looked for in words, by a picture, by a clip and, where it sounds, by its sound.

    The prompts go round the directions. `wording` may be `paraphrase`: requests in words that were
    kept from training. `library` is that of sprites and sounds, as `Dialogues` takes it.
    """
    source = Dialogues(library=library)
    judge = Named("nextgpt_retrieval.train.suite:FoundJudge", {"library": library})
    name = "retrieval" if wording == "train" else f"retrieval-{wording}"
    plain = worded("talk", (said for said, _ in talk(kept=True)))
    prompts = (*_in_turn(source, wording), *_drawn(wording, library), *plain)
    return Suite(name, prompts, {KIND: judge}, GOALS)


class FoundJudge:
    """What a found picture shows, by the caption of its item in the library of samples."""

    def __init__(self, library: str = "") -> None:
        """Reads nothing yet."""
        self._source = Dialogues(library=library)

    @cached_property
    def ceiling(self) -> Mapping[str, float]:
        """Nothing is guessed."""
        return {"object": 1.0, "colour": 1.0, "count": 1.0, "origin": 1.0}

    @cached_property
    def _known(self) -> Mapping[str, Mapping[str, str]]:
        return {caption(one): facts(one) for one in scenes(self._source.world.cast.things)}

    def facts(self, answers: Sequence[Media]) -> list[Mapping[str, str]]:
        """N media -> N mappings of fact to answer; of what was not found, none."""
        return [
            self._known.get(media.about.get("caption", ""), {}) if "source" in media.about else MADE
            for media in answers
        ]


def _in_turn(source: Dialogues, wording: Wording) -> Iterator[Prompt]:
    cast = source.world.cast
    for n, thing in enumerate(cast.things):
        for given in GIVEN:
            if given != "audio" or thing in cast.sounds:
                shown, asked = _held_out(given, thing, several=n % 2 == 1)
                name = f"{given}->found/{thing}"
                yield Prompt(
                    name,
                    f"{given}->found",
                    (Expected(KIND, _stated(shown, asked), "object"),),
                    partial(_asked, source, shown, asked, name, wording),
                )


def _drawn(wording: Wording, library: str) -> Iterator[Prompt]:
    """The requests of `any2any` for one picture that is drawn."""
    for prompt in any2any(wording=wording, library=library).prompts:
        if prompt.direction in DRAWN:
            yield replace(prompt, expected=(Expected(KIND, MADE, "origin"),))


def _held_out(given: str, thing: str, *, several: bool) -> tuple[Scene | None, Picture]:
    """What is shown, and the item that is looked for; one of them is held out."""
    _, alone, many = scenes((thing,))
    if given == "audio":
        return Sound(thing, held_out("repetition", thing)), alone
    if given == "video":
        return Clip(thing, alone.colour, held_out("motion", thing)), alone
    asked = many if several else alone
    return (None if given == "text" else asked), asked


def _stated(shown: Scene | None, asked: Picture) -> dict[str, str]:
    """The facts that a request states: of a sound none but the thing, of a clip no count."""
    left_out = {Sound: ("colour", "count"), Clip: ("count",)}.get(type(shown), ())
    return {fact: value for fact, value in facts(asked).items() if fact not in left_out}


def _asked(
    source: Dialogues,
    shown: Scene | None,
    asked: Picture,
    name: str,
    wording: Wording,
) -> tuple[Message, ...]:
    return (source.request(shown, asked, Random(name), wording, split="held_out"),)
