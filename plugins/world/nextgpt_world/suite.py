"""The suite `any2any`: every direction, asked with combinations of words never trained on.

A request is one of the training dialogues' kinds, drawn from the other side of the split. What it
must be answered with are the facts of the answer a training dialogue would give, as far as they
were said: nobody is held to a colour that was not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from random import Random

from nextgpt_registry.messages import Message
from nextgpt_registry.suites import TEXT, Expected, Named, Prompt, Suite
from nextgpt_world.chat.pairs import pairs
from nextgpt_world.data import Dialogues
from nextgpt_world.dialogues import (
    DIRECTIONS,
    MIXED_DIRECTIONS,
    Cast,
    Line,
    Script,
    Wording,
    write,
)
from nextgpt_world.dialogues.exchange import verb
from nextgpt_world.judge.text import ORDINALS, read_several
from nextgpt_world.scene import Scene, facts
from nextgpt_world.split import Kind, is_held_out

KINDS: tuple[Kind, ...] = ("image", "video", "audio")
MIXED = 16
"""Requests in each mixed direction."""

JUDGES: Mapping[str, Named] = {
    TEXT: Named("nextgpt_world.judge.text:TextJudge"),
    **{k: Named("nextgpt_world.judge.media:MediaJudge", {"kind": k}) for k in KINDS},
}
GOALS: Mapping[str, float] = {
    "*/structure": 0.98,
    "*/order": 0.90,
    **{f"{a}->{b}/{m}": 0.75 for a in KINDS for b in KINDS for m in ("concept", "attributes")},
    **{f"{k}->text/{m}": 0.873 for k in KINDS for m in ("concept", "attributes")},
    **{f"text->{k}/attributes": 0.80 for k in KINDS},
    "text->image/concept": 0.92,
    "text->audio/concept": 0.90,
    "text->video/concept": 0.88,
}
_TRIES = 400


def any2any(*, wording: Wording = "train", library: str = "") -> Suite:
    """Every concept in every direction that it can take, and mixed requests.

    The prompts go round the directions, so that a few of them are as many of each. `wording` may
    be `paraphrase`: requests in words that were kept from training, as the harder suite
    `any2any-paraphrase`. `library` is as `Dialogues` takes it.
    """
    prompts = tuple(_in_turn(wording, Dialogues("instruct", split="held_out", library=library)))
    name = "any2any" if wording == "train" else f"any2any-{wording}"
    reference = Named("nextgpt_world.reference:Reference", {"library": library})
    return Suite(name, prompts, JUDGES, GOALS, reference=reference)


def _in_turn(wording: Wording, source: Dialogues) -> Iterator[Prompt]:
    waiting = [_of_direction(d, wording, source) for d in (*DIRECTIONS, *MIXED_DIRECTIONS)]
    waiting.insert(0, _chats())
    while waiting:
        for prompts in tuple(waiting):
            try:
                yield next(prompts)
            except StopIteration:
                waiting.remove(prompts)


def _chats() -> Iterator[Prompt]:
    for n, (asked, _) in enumerate(pairs(kept=True)):
        turns = (Message("user", (asked,)),)
        yield Prompt(f"text->text/{n}", "text->text", (Expected(TEXT),), turns)


def _of_direction(direction: str, wording: Wording, source: Dialogues) -> Iterator[Prompt]:
    """One prompt of each concept that can be given and asked for, in a fixed mixed order."""
    rng = Random(direction)
    cast = source.cast
    concepts: list[str | None] = [None] * MIXED
    if direction in DIRECTIONS:
        concepts = [*_concepts(direction, cast)]
        rng.shuffle(concepts)
    for n, concept in enumerate(concepts):
        chosen = cast if concept is None else _only(concept, cast)
        for _ in range(_TRIES):
            script = write(
                3, rng, split="held_out", wording=wording, cast=chosen, direction=direction
            )
            expected = expectations(script)
            if expected is not None:
                name = f"{direction}/{n if concept is None else concept}"
                yield Prompt(name, direction, expected, partial(_asked, source, script, name))
                break


def _concepts(direction: str, cast: Cast) -> tuple[str, ...]:
    given, _, asked = direction.partition("->")
    if (given == "audio") != (asked == "audio") and TEXT not in (given, asked):
        return cast.sounding
    return cast.sounds if "audio" in (given, asked) else cast.things


def _only(concept: str, cast: Cast) -> Cast:
    return replace(
        cast,
        things=tuple(name for name in cast.things if name == concept),
        sounds=tuple(name for name in cast.sounds if name == concept),
    )


def _asked(source: Dialogues, script: Script, name: str) -> tuple[Message, ...]:
    return source.perform(replace(script, lines=script.lines[:1]), name)


def expectations(script: Script) -> tuple[Expected, ...] | None:
    """What the first answer must hold: its media, and its text where the request is for words.

    None if that leaves a concept open, or nothing in it is held out.
    """
    request, answer = script.lines[:2]
    if not any(map(is_held_out, (*request.scenes, *answer.scenes))):
        return None
    words: list[Expected] = []
    if TEXT in script.direction.partition("->")[2].split("+"):
        words = _written(request.scenes, answer.text)
        if len(words) < len(request.scenes):
            return None
    return (*words, *(_expected(scene, said(scene, request)) for scene in answer.scenes))


def _written(scenes: tuple[Scene, ...], text: str) -> list[Expected]:
    """The facts of each scene shown, as far as the text states them; none if it leaves one out."""
    told, found = read_several(text), []
    for ordinal, scene in zip(ORDINALS, scenes, strict=False):
        stated = {f: v for f, v in facts(scene).items() if told.get(f"{ordinal}{f}") == v}
        named = _expected(scene, stated)
        if named.concept in stated:
            facts_named = {f"{ordinal}{fact}": value for fact, value in stated.items()}
            found.append(Expected(TEXT, facts_named, f"{ordinal}{named.concept}"))
    return found


def said(scene: Scene, request: Line) -> dict[str, str]:
    """The facts of an answer's scene that the request says or shows."""
    shown = {item for given in request.scenes for item in facts(given).items()}

    def asked_for(fact: str, value: str) -> bool:
        if fact not in ("colour", "motion", "repetition") or (fact, value) in shown:
            return True
        return value in request.text or (fact == "motion" and verb(value) in request.text)

    return {fact: value for fact, value in facts(scene).items() if asked_for(fact, value)}


def _expected(scene: Scene, stated: dict[str, str]) -> Expected:
    return Expected(scene.modality, stated, "sound" if scene.modality == "audio" else "object")
