"""The conversations of a training stage, on one side of the split.

Stage 1 understands (image, video, audio -> text), stage 2 makes one medium from words, stage 3
does everything: the 15 directions with a medium, several media at once, some turns.
On the side `train` no scene is held out. On `held_out`, the scene asked for or described is; where
a sound is asked for, and in mixed and longer scripts, at least one scene is.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Literal

from nextgpt_world.dialogues.cast import Cast
from nextgpt_world.dialogues.exchange import DIRECTIONS, Exchange, propose, say
from nextgpt_world.dialogues.mixed import MIXED, MIXED_DIRECTIONS
from nextgpt_world.dialogues.script import Script
from nextgpt_world.dialogues.turns import turns
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.split import Split, is_held_out

Stage = Literal[1, 2, 3]

_OF_STAGE = {
    1: tuple(d for d in DIRECTIONS if d.endswith("->text")),
    2: tuple(d for d in DIRECTIONS if d.startswith("text->")),
    3: (*DIRECTIONS, *(d for d in DIRECTIONS if d.endswith("->text"))),  # the hardest, twice
}
LONGER = ("mixed", "turns")
MIXED_SHARE, TURNS_SHARE = 0.2, 0.12
"""Of stage 3."""
_TRIES = 10_000


def write(
    stage: Stage,
    rng: Random,
    *,
    split: Split = "train",
    wording: Wording = "train",
    cast: Cast | None = None,
    direction: str | None = None,
) -> Script:
    """A conversation of this stage; of `direction`, if one is asked for.

    There are the single ones, those of `MIXED_DIRECTIONS`, and `mixed` and `turns` of any kind.

    Raises:
        ValueError: nothing of that kind is on that side of the split, or the direction is unknown.
    """
    cast = replace(cast or Cast.everyone(), split="train" if split == "train" else None)
    direction = direction or _pick(stage, rng)
    if direction not in (*DIRECTIONS, *MIXED_DIRECTIONS, *LONGER):
        raise ValueError(f"no direction {direction!r}; there are {', '.join(DIRECTIONS)}")
    for _ in range(_TRIES):
        script = _draft(direction, rng, cast, wording, split)
        if script is not None:
            return script
    raise ValueError(f"nothing of {direction} is on the side {split!r} of the split")


def _pick(stage: Stage, rng: Random) -> str:
    if stage == 3 and (chance := rng.random()) < MIXED_SHARE + TURNS_SHARE:
        return "mixed" if chance < MIXED_SHARE else "turns"
    return rng.choice(_OF_STAGE[stage])


def _draft(
    direction: str, rng: Random, cast: Cast, wording: Wording, split: Split
) -> Script | None:
    """A script, unless chance brought one of the other side."""
    if direction not in DIRECTIONS:
        makers = MIXED_DIRECTIONS.get(direction, MIXED)
        make = turns if direction == "turns" else rng.choice(makers)
        script = make(rng, cast, wording)
        if direction not in (*LONGER, script.direction):
            return None
        return script if any(map(is_held_out, script.scenes)) == (split == "held_out") else None
    exchange = propose(direction, rng, cast)
    if not _on_side(exchange, split):
        return None
    return Script(direction, say(exchange, rng, wording, shown=True))


def _on_side(exchange: Exchange, split: Split) -> bool:
    if split == "train":
        return not any(map(is_held_out, exchange.scenes))
    if exchange.direction.endswith("audio"):  # few sounds have a combination that is held out
        return any(map(is_held_out, exchange.scenes))
    return is_held_out(exchange.asked)
