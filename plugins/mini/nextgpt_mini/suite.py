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

from nextgpt_mini.judge.media import MediaJudge
from nextgpt_mini.judge.text import TextJudge, read
from nextgpt_mini.world.chat.pairs import pairs
from nextgpt_mini.world.data import Dialogues
from nextgpt_mini.world.dialogues import DIRECTIONS, Cast, Line, Script, Wording, write
from nextgpt_mini.world.dialogues.exchange import verb
from nextgpt_mini.world.scene import Scene, facts
from nextgpt_mini.world.split import Kind, is_held_out
from nextgpt_registry.messages import Turn
from nextgpt_registry.suites import TEXT, Expected, Judge, Prompt, Suite

KINDS: tuple[Kind, ...] = ("image", "video", "audio")
MIXED = 32
GOALS = {"*->*/structure": 0.95} | {
    f"{direction}/concept": 0.5
    for direction in (*(f"text->{k}" for k in KINDS), *(f"{k}->text" for k in KINDS))
}
_TRIES = 400


def any2any(*, wording: Wording = "train", library: str = "") -> Suite:
    """Every concept in every direction that it can take, and mixed requests.

    The prompts go round the directions, so that a few of them are as many of each. `wording` may
    be `paraphrase`: requests in words that were kept from training. `library` is as `Dialogues`
    takes it.
    """
    judges: Mapping[str, Judge] = {TEXT: TextJudge(), **{k: MediaJudge(k) for k in KINDS}}
    prompts = tuple(_in_turn(wording, Dialogues("instruct", split="held_out", library=library)))
    return Suite("any2any", prompts, judges, GOALS)


def _in_turn(wording: Wording, source: Dialogues) -> Iterator[Prompt]:
    waiting = [_of_direction(d, wording, source) for d in (*DIRECTIONS, "mixed")]
    waiting.insert(0, _chats())
    while waiting:
        for prompts in tuple(waiting):
            try:
                yield next(prompts)
            except StopIteration:
                waiting.remove(prompts)


def _chats() -> Iterator[Prompt]:
    for n, (asked, _) in enumerate(pairs(kept=True)):
        turns = (Turn("user", (asked,)),)
        yield Prompt(f"text->text/{n}", "text->text", (Expected(TEXT),), turns)


def _of_direction(direction: str, wording: Wording, source: Dialogues) -> Iterator[Prompt]:
    """One prompt of each concept that can be given and asked for, in a fixed mixed order."""
    rng = Random(direction)
    cast = source.cast
    concepts: list[str | None] = [None] * MIXED
    if direction != "mixed":
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


def _asked(source: Dialogues, script: Script, name: str) -> tuple[Turn, ...]:
    return source.perform(replace(script, lines=script.lines[:1]), name)


def expectations(script: Script) -> tuple[Expected, ...] | None:
    """What the first answer must hold: its media or, if it has none, its text.

    None if that leaves the concept open, or nothing in it is held out.
    """
    request, answer = script.lines[:2]
    if answer.scenes:
        if not any(map(is_held_out, (*request.scenes, *answer.scenes))):
            return None
        return tuple(_expected(scene, said(scene, request)) for scene in answer.scenes)
    if len(request.scenes) != 1 or not is_held_out(request.scenes[0]):
        return None
    scene, told = request.scenes[0], read(answer.text)
    stated = {fact: value for fact, value in facts(scene).items() if told.get(fact) == value}
    expected = replace(_expected(scene, stated), kind=TEXT)
    return (expected,) if expected.concept in stated else None


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
