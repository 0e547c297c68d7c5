"""Scenes: what a picture, clip or sound shows, and how that is said. Renders nothing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from nextgpt_world.vocabulary import vocabulary


@dataclass(frozen=True)
class Picture:
    """One to four of a thing on a coloured ground; a single one may have a place and a size."""

    concept: str
    colour: str
    count: str = "one"
    place: str | None = None
    size: str | None = None
    modality = "image"


@dataclass(frozen=True)
class Clip:
    """A thing that moves on a coloured ground."""

    concept: str
    colour: str
    motion: str
    modality = "video"


@dataclass(frozen=True)
class Sound:
    """A thing that sounds once, twice or three times."""

    concept: str
    repetition: str = "once"
    modality = "audio"


Scene = Picture | Clip | Sound


def facts(scene: Scene) -> dict[str, str]:
    """What the scene states, by the vocabulary's fact names; unstated facts are left out."""
    if isinstance(scene, Sound):
        return {"sound": scene.concept, "repetition": scene.repetition}
    if isinstance(scene, Clip):
        return {"object": scene.concept, "colour": scene.colour, "motion": scene.motion}
    stated = {"object": scene.concept, "colour": scene.colour, "count": scene.count}
    return stated | {k: v for k in ("place", "size") if (v := getattr(scene, k)) is not None}


def noun(scene: Scene) -> str:
    """`a cat`, `three cats`, `a small cat`."""
    name = scene.concept
    if isinstance(scene, Picture):
        if scene.count != "one":
            return f"{scene.count} {vocabulary().plurals[name]}"
        if scene.size is not None:
            return f"a {scene.size} {name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def position(place: str) -> str:
    """`at the top`, `on the left`, `in the centre`."""
    return (
        "in the centre"
        if place == "centre"
        else (f"at the {place}" if place in ("top", "bottom") else f"on the {place}")
    )


def caption(scene: Scene) -> str:
    """The one canonical wording: `a cat jumping on a red background`, `a bell ringing twice`."""
    if isinstance(scene, Sound):
        return f"the sound of {noun(scene)} {scene.repetition}"
    if isinstance(scene, Clip):
        return f"{noun(scene)} {scene.motion} on a {scene.colour} background"
    if scene.place is None:
        return f"{noun(scene)} on a {scene.colour} background"
    return f"{noun(scene)} {position(scene.place)} of a {scene.colour} background"


def phrase(scene: Scene, rng: Random) -> str:
    """One of several wordings of the same facts, as a person would put it in a request."""
    if isinstance(scene, Sound):
        return rng.choice(
            (
                "the sound of {n} {r}",
                "{n} sounding {r}",
                "{n} {r}",
                "{n} heard {r}",
                "{n}, {r}",
                "{n} playing {r}",
            )
        ).format(n=noun(scene), r=scene.repetition)
    ground = rng.choice(
        (
            "on a {c} background",
            "on {c}",
            "in front of a {c} background",
            "against a {c} background",
            "with a {c} background",
            "on a {c} ground",
        )
    ).format(c=scene.colour)
    if isinstance(scene, Clip):
        return rng.choice(("{n} {m} {g}", "{n} that is {m} {g}", "{n}, {m}, {g}")).format(
            n=noun(scene), m=scene.motion, g=ground
        )
    if scene.place is None:
        return f"{noun(scene)} {ground}"
    where = position(scene.place)
    return rng.choice(("{n} {w} {g}", "{n} {w}, {g}", "{n} {w} of a {c} background")).format(
        n=noun(scene), w=where, g=ground, c=scene.colour
    )


def brief(scene: Scene) -> str:
    """The thing with at most its count or motion: `a cat`, `two cats`, `a cat jumping`."""
    return f"{noun(scene)} {scene.motion}" if isinstance(scene, Clip) else noun(scene)
