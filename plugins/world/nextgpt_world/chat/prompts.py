"""Everyday prompts whose answer is text alone, made from `topics.json`. Answers nothing.

Many of them speak of things, colours, pictures and sounds, and some begin as a request for a medium
would ("Show me how to …"): such words alone ask for no medium.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from random import Random

from nextgpt_world.chat.pairs import pairs
from nextgpt_world.scene import Sound, noun
from nextgpt_world.vocabulary import vocabulary

HELD_OUT = 200
_PER_THING = 4
_SUMS = 60


def prompts() -> tuple[str, ...]:
    """All of them, in a fixed order, none twice."""
    text = files("nextgpt_world.chat").joinpath("topics.json").read_text(encoding="utf-8")
    return tuple(dict.fromkeys(_made(json.loads(text), Random("chat"))))


def held_out() -> tuple[str, ...]:
    """200 prompts that are never trained on: those kept of the pairs, and those of `held_out.json`.

    Of the second kind every template is new; many begin as a request for a medium would.
    """
    text = files("nextgpt_world.chat").joinpath("held_out.json").read_text(encoding="utf-8")
    fresh = tuple(dict.fromkeys(_fresh(json.loads(text))))
    return (*(prompt for prompt, _ in pairs(kept=True)), *fresh)[:HELD_OUT]


def _fresh(topics: dict[str, list[str]]) -> Iterator[str]:
    """The single ones, then one of every template and topic by turns."""
    words = vocabulary()
    yield from topics["single"]
    for n, colour in enumerate(words.colours):
        yield topics["colours"][n % len(topics["colours"])].format(colour=colour)
    for n, sound in enumerate(words.sounds[::3]):
        yield topics["sounds"][n % len(topics["sounds"])].format(one=_one(sound))
    for n, thing in enumerate(words.objects):
        template = topics["things"][n % len(topics["things"])]
        yield template.format(one=_one(thing), many=words.plurals[thing], thing=thing)


def _made(topics: dict[str, list[str]], rng: Random) -> Iterator[str]:
    words = vocabulary()
    for thing in words.objects:
        for template in rng.sample(topics["asked of every thing"], _PER_THING):
            yield template.format(one=_one(thing), many=words.plurals[thing])
    for template in topics["asked of every colour"]:
        yield from (template.format(colour=colour) for colour in words.colours)
    for group, asked in (("animals", "animal"), ("instruments", "instrument")):
        for thing in topics[group]:
            for template in rng.sample(topics[f"asked of every {asked}"], 2):
                yield template.format(one=_one(thing))
    for group, asked in (
        ("capitals", "capital"),
        ("notions", "notion"),
        ("polite", "rude sentence"),
    ):
        for topic in topics[group]:
            for template in rng.sample(topics[f"asked of every {asked}"], 2):
                yield template.format(one=topic)
    for _ in range(_SUMS):
        total = rng.choice(topics["sums"]).format(a=rng.randint(2, 30), b=rng.randint(2, 12))
        yield rng.choice(topics["asked of every sum"]).format(one=total)
    yield from topics["single"]
    for n, thing in enumerate(words.objects):
        requests = topics["plain requests for every thing"]
        template = requests[n % len(requests)]
        yield template.format(one=_one(thing), many=words.plurals[thing], thing=thing)
    yield from topics["plain requests"]


def _one(thing: str) -> str:
    return noun(Sound(thing))
