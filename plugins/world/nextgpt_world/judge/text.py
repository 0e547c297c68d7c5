"""Facts read from an answer's words, by rules and a list of synonyms. Understands no grammar.

Of an answer about several things, one sentence or more about each, the facts of the second and the
third are called `second object`, `third sound` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from nextgpt_world.vocabulary import vocabulary

SYNONYMS = {
    "cat": "kitten kitty",
    "dog": "puppy",
    "pig": "piglet",
    "rabbit": "bunny bunnies",
    "chick": "chicken",
    "bee": "honeybee bumblebee",
    "fish": "fishes",
    "turtle": "tortoise",
    "burger": "hamburger cheeseburger",
    "ice cream": "ice-cream icecream",
    "doughnut": "donut",
    "bicycle": "bike",
    "airplane": "aeroplane plane",
    "sailboat": "boat ship",
    "cactus": "cacti",
    "gift": "present",
    "football": "soccer",
    "octopus": "octopi",
    "telephone": "phone",
    "saxophone": "sax",
    "applause": "clapping",
    "maracas": "maraca shaker",
    "laser gun": "laser raygun",
    "helicopter": "chopper",
    "bagpipe": "bagpipes",
    "wave": "sea ocean surf",
}
"""Other words for a thing; those of two words stand as they are in `_PHRASES`."""

_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "count": {
            "one": r"\b(one|single|1)\b",
            "two": r"\b(two|pair of|2)\b(?! times)",
            "three": r"\b(three|3)\b(?! times)",
            "four": r"\b(four|4)\b",
        },
        "place": {
            "centre": r"\b(centre|center|middle)\b",
            "left": r"\b(on|at) the left\b",
            "right": r"\b(on|at) the right\b",
            "top": r"\btop\b",
            "bottom": r"\bbottom\b",
        },
        "size": {"small": r"\b(small|tiny|little)\b", "large": r"\b(large|big|huge)\b"},
        "motion": {
            "moving left": r"\bmov\w+ (to the )?left",
            "moving right": r"\bmov\w+ (to the )?right",
            "jumping": r"\b(jump|hop|bounc)\w*",
            "spinning": r"\b(spin|rotat|turning)\w*",
        },
        "repetition": {
            "once": r"\b(once|one time|single)\b",
            "twice": r"\b(twice|two times)\b",
            "three times": r"\b(three times|thrice)\b",
        },
    }
)


ORDINALS = ("", "second ", "third ")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class TextJudge:
    """Reads a concept (as `object` and as `sound`), a colour, a count, … out of an answer."""

    @property
    def ceiling(self) -> Mapping[str, float]:
        """Rules read every canonical caption right (a test holds them to it)."""
        names = ("object", "sound", "colour", *_WORDS)
        return {f"{ordinal}{name}": 1.0 for ordinal in ORDINALS for name in names}

    def facts(self, answers: Sequence[str]) -> list[dict[str, str]]:
        """N texts -> N mappings of fact to answer."""
        return [read_several(answer) for answer in answers]


def read_several(answer: str) -> dict[str, str]:
    """The facts about each thing in turn; a sentence that names another thing begins it."""
    things: list[list[str]] = []
    waiting: list[str] = []
    last = ""
    for sentence in _SENTENCE.split(answer):
        named = _concepts().search(sentence.lower())
        concept = _named()[named.group()][0] if named else last
        if things and (not concept or concept == last):
            things[-1].append(sentence)
        elif concept:
            things.append([*waiting, sentence])
            waiting, last = [], concept
        else:
            waiting.append(sentence)
    told = [read(" ".join(sentences)) for sentences in things or [waiting]]
    return {
        f"{ordinal}{fact}": value
        for ordinal, facts in zip(ORDINALS, told, strict=False)
        for fact, value in facts.items()
    }


def read(answer: str) -> dict[str, str]:
    """The facts that the words state; the first mention counts."""
    text = answer.lower()
    found = {}
    concept = _concepts().search(text)
    if concept is not None:
        name, singular = _named()[concept.group()]
        for fact in ("object", "sound"):
            if name in vocabulary().words(fact):
                found[fact] = name
        if singular and re.search(rf"\ban? (\w+ )?{re.escape(concept.group())}", text):
            found["count"] = "one"
    colour = re.search(rf"\b({'|'.join(vocabulary().colours)})\b", text)
    if colour is not None:
        found["colour"] = colour.group()
    for fact, patterns in _WORDS.items():
        hits = {value: hit.start() for value, p in patterns.items() if (hit := re.search(p, text))}
        if hits:
            found[fact] = min(hits, key=hits.__getitem__)
    return found


@cache
def _named() -> dict[str, tuple[str, bool]]:
    """Word or phrase -> the concept, and whether it is singular."""
    words = vocabulary()
    named: dict[str, tuple[str, bool]] = {}
    for name in dict.fromkeys((*words.objects, *words.sounds)):
        plural = words.plurals.get(name, f"{name}s")
        named[plural] = (name, False)
        named[name] = (name, True)
        for other in SYNONYMS.get(name, "").split():
            named.setdefault(f"{other}s", (name, False))
            named.setdefault(other, (name, True))
    return named


@cache
def _concepts() -> re.Pattern[str]:
    longest_first = sorted(_named(), key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})\b")
