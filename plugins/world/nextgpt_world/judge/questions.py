"""What the judges are asked of each kind of media, and the right answers. Judges nothing."""

from __future__ import annotations

from nextgpt_world.scene import Scene, facts
from nextgpt_world.split import Kind
from nextgpt_world.vocabulary import vocabulary

UNSAID = -100
"""The label of a question that a scene leaves open."""

_ASKED: dict[Kind, tuple[str, ...]] = {
    "image": ("object", "colour", "count", "place", "size"),
    "video": ("object", "colour", "motion"),
    "audio": ("sound", "repetition"),
}
MEDIUM = "medium"
"""The size that is never said: neither small nor large."""


def answers(kind: Kind) -> dict[str, tuple[str, ...]]:
    """The possible answers to each question, in the order of the judges' outputs."""
    found = {fact: vocabulary().words(fact) for fact in _ASKED[kind]}
    if "size" in found:
        found["size"] = (*found["size"], MEDIUM)
    return found


def kind_of(scene: Scene) -> Kind:
    """The modality that shows it."""
    return next(kind for kind in _ASKED if kind == scene.modality)


def labels(scene: Scene) -> list[int]:
    """The number of the right answer to each question, or `UNSAID`."""
    stated = facts(scene)
    if stated.get("count") == "one":
        stated.setdefault("size", MEDIUM)
    return [
        words.index(stated[fact]) if fact in stated else UNSAID
        for fact, words in answers(kind_of(scene)).items()
    ]


def told(kind: Kind, chosen: list[int]) -> dict[str, str]:
    """Answers by number -> facts; of several things neither place nor size, and no medium size."""
    found = {fact: words[n] for n, (fact, words) in zip(chosen, answers(kind).items(), strict=True)}
    if found.get("size") == MEDIUM:
        del found["size"]
    if found.get("count", "one") != "one":
        found = {fact: value for fact, value in found.items() if fact not in ("place", "size")}
    return found
