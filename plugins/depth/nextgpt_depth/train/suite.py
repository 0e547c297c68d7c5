"""The suite `depth`: to and from depth maps, with counts and places never trained on; plain talk.

Every thing is asked for once in each direction. A judge reads depth maps, mini's judges the
pictures and the words; how far distances are off is measured by `nextgpt depth errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from random import Random
from typing import cast

from nextgpt_depth.train.data import Dialogues
from nextgpt_depth.train.describe import stated
from nextgpt_depth.train.requests import DIRECTIONS, Request, request
from nextgpt_depth.train.talk import talk
from nextgpt_registry.media import Media
from nextgpt_registry.messages import Message
from nextgpt_registry.suites import TEXT, Expected, Named, Prompt, Suite
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.reference import Reference as Pictures
from nextgpt_world.split import Kind
from nextgpt_world.talk import worded

JUDGES = {
    "depth": Named("nextgpt_depth.train.judge:DepthJudge"),
    "image": Named("nextgpt_world.judge.media:MediaJudge", {"kind": "image"}),
    TEXT: Named("nextgpt_world.judge.text:TextJudge"),
}
GOALS = {"*/structure": 0.95, "*/concept": 0.5}


@dataclass(frozen=True)
class Question:
    """A prompt's request, under its id."""

    id: str
    request: Request


def depth(*, wording: Wording = "train", library: str = "") -> Suite:
    """The prompts go round the directions, so that a few of them are as many of each.

    `wording` may be `paraphrase`: requests in words that were kept from training. `library` is
    as `Dialogues` takes it.
    """
    source = Dialogues("make", split="held_out", wording=wording, library=library)
    asked = (_prompt(source, question) for question in questions(source))
    prompts = (*asked, *worded("talk", (said for said, _ in talk(kept=True))))
    name = "depth" if wording == "train" else f"depth-{wording}"
    reference = Named("nextgpt_depth.train.suite:Reference", {"library": library})
    return Suite(name, prompts, JUDGES, GOALS, reference=reference)


def questions(source: Dialogues) -> Iterator[Question]:
    """Each thing in each direction, in a fixed mixed order."""
    things = list(source.renderer.library.things)
    Random("depth").shuffle(things)
    for concept in things:
        for direction in DIRECTIONS:
            rng = Random(f"{direction} {concept} {source.wording}")
            asked = request(
                direction,
                rng,
                held_out=True,
                concept=concept,
                wording=source.wording,
                plain=direction != "depth->image",
            )
            yield Question(f"{direction}/{concept}", asked)


def truth(source: Dialogues, question: Question) -> Media:
    """The true depth of what a question asks for."""
    return source.medium("depth", question.request.asked, 0)


@dataclass(frozen=True)
class Reference:
    """Real depth maps and pictures of held-out scenes, the same at every call."""

    library: str = ""

    def __call__(self, kind: str, count: int) -> Sequence[Media]:
        """`count` of them; other kinds than depth are mini's own."""
        if kind != "depth":
            return Pictures(self.library)(cast(Kind, kind), count)
        rng = Random("depth reference")
        requests = (self._source.request(rng) for _ in range(count))
        return [self._source.medium("depth", one.given, n) for n, one in enumerate(requests)]

    @cached_property
    def _source(self) -> Dialogues:
        return Dialogues("make", split="held_out", library=self.library)


def _prompt(source: Dialogues, question: Question) -> Prompt:
    asked = question.request
    kind = asked.direction.partition("->")[2]
    facts = stated(asked.asked)
    if asked.kind == "colour":
        facts["colour"] = asked.asked.colour
    expected = Expected(kind, facts, "object")
    turns = partial(_turns, source, asked)
    return Prompt(question.id, asked.direction, (expected,), turns)


def _turns(source: Dialogues, asked: Request) -> tuple[Message, ...]:
    return (source.question(asked, 0),)
