"""One request and its answer in each single-modality direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from nextgpt_mini.world.dialogues.cast import Cast
from nextgpt_mini.world.dialogues.follow import follow
from nextgpt_mini.world.dialogues.script import Line
from nextgpt_mini.world.dialogues.wordings import Wording, choose, wordings
from nextgpt_mini.world.scene import Picture, Scene, caption, facts, noun, phrase, position
from nextgpt_mini.world.split import Kind

KINDS: tuple[Kind, ...] = ("image", "video", "audio")
DIRECTIONS = tuple(
    f"{source}->{target}"
    for source in ("text", *KINDS)
    for target in ("text", *KINDS)
    if (source, target) != ("text", "text")  # plain chat: its texts come from elsewhere
)


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
        return Exchange(direction, "", None, asked, {"p": phrase(asked, rng)})
    if given is None:
        given = cast.draw(_kind(source), rng, sounding=(source == "audio") != (target == "audio"))
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
    return choose("answers", scene.modality, rng).format(c=caption(scene)), scene


def sentence(words: str) -> str:
    """Capital first, full stop last."""
    return f"{words[0].upper()}{words[1:]}."


def _reply(exchange: Exchange) -> str:
    scene = exchange.asked
    if not exchange.kind:
        return sentence(caption(scene))
    if exchange.kind == "object":
        alone = Picture(scene.concept, "") if isinstance(scene, Picture) else scene
        return sentence(noun(alone))
    value = facts(scene)[exchange.kind]
    return sentence(position(value) if exchange.kind == "place" else value)


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind == name)


def _fits(kind: str, given: Scene) -> bool:
    single = not isinstance(given, Picture) or given.count == "one"
    return single or kind not in ("size", "place")
