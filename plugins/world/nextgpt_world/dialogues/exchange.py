"""One request and its answer in each single-modality direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from nextgpt_world.dialogues.cast import Cast
from nextgpt_world.dialogues.follow import follow, unsaid
from nextgpt_world.dialogues.script import Line
from nextgpt_world.dialogues.wordings import Wording, choose, wordings
from nextgpt_world.scene import (
    Picture,
    Scene,
    Sound,
    brief,
    caption,
    facts,
    noun,
    phrase,
    position,
)
from nextgpt_world.split import Kind

KINDS: tuple[Kind, ...] = ("image", "video", "audio")
DIRECTIONS = tuple(
    f"{source}->{target}"
    for source in ("text", *KINDS)
    for target in ("text", *KINDS)
    if (source, target) != ("text", "text")  # plain chat: its texts come from elsewhere
)


BRIEFLY = 0.15
"""How often a request says no more than the thing."""

_VERBS = {
    "moving left": "move left",
    "moving right": "move right",
    "jumping": "jump",
    "spinning": "spin",
}


@dataclass(frozen=True)
class Exchange:
    """What is given and what is asked for; `asked` is `given` itself where words are wanted."""

    direction: str
    kind: str
    given: Scene | None
    asked: Scene
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes that take part."""
        return (self.asked,) if self.given is None else (self.given, self.asked)


def propose(direction: str, rng: Random, cast: Cast, given: Scene | None = None) -> Exchange:
    """A random exchange, of either side of the split; about `given`, if it is given."""
    source, target = direction.split("->")
    if source == "text":
        asked = cast.draw(_kind(target), rng)
        words = phrase(asked, rng)
        if rng.random() < BRIEFLY:
            asked, words = unsaid(asked), brief(asked)
        return Exchange(direction, "", None, asked, {"p": words})
    if given is None:
        crossing = "text" not in (source, target) and source != target
        sounding = crossing and "audio" in (source, target)
        given = cast.draw(_kind(source), rng, sounding=sounding)
    if target == "text":
        asked_about = [fact for fact in facts(given) if fact in wordings()[direction]]
        kind = "" if rng.random() < 0.6 else rng.choice(sorted({"object", *asked_about}))
        return Exchange(direction, kind, given, given)
    kinds = [kind for kind in wordings()[direction] if _fits(kind, given)]
    kind = rng.choice(kinds)
    asked = follow(given, _kind(target), kind, rng)
    fields = facts(asked)
    if "place" in fields:
        fields["where"] = position(fields["place"])
    if "motion" in fields:
        fields["verb"] = verb(fields["motion"])
    return Exchange(direction, kind, given, asked, fields)


def say(exchange: Exchange, rng: Random, wording: Wording, *, shown: bool) -> tuple[Line, Line]:
    """The request (with its medium, if it is still to be shown) and the answer."""
    request = choose(exchange.direction, exchange.kind, rng, wording).format(**exchange.fields)
    parts: list[str | Scene] = [request]
    if shown and exchange.given is not None:
        parts.insert(int(rng.random() < 0.25), exchange.given)
    if exchange.direction.endswith("text"):
        return Line("user", tuple(parts)), Line("assistant", (_reply(exchange),))
    return Line("user", tuple(parts)), Line("assistant", present(exchange.asked, rng))


def present(scene: Scene, rng: Random) -> tuple[str | Scene, ...]:
    """What an answer says of a medium, and the medium."""
    several = isinstance(scene, Picture) and scene.count != "one"
    words = choose("answers", scene.modality, rng)
    return words.format(c=caption(scene), be="are" if several else "is"), scene


def verb(motion: str) -> str:
    """`jump`, `move left`."""
    return _VERBS[motion]


def name(scene: Scene) -> str:
    """The thing alone, as an answer: `A cat.`"""
    return sentence(noun(Sound(scene.concept)))


def sentence(words: str) -> str:
    """Capital first, full stop last."""
    return f"{words[0].upper()}{words[1:]}."


def _reply(exchange: Exchange) -> str:
    scene = exchange.asked
    if not exchange.kind:
        return sentence(caption(scene))
    if exchange.kind == "object":
        return name(scene)
    value = facts(scene)[exchange.kind]
    return sentence(position(value) if exchange.kind == "place" else value)


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind == name)


def _fits(kind: str, given: Scene) -> bool:
    single = not isinstance(given, Picture) or given.count == "one"
    return single or kind not in ("size", "place")
