"""Conversations of some turns that switch between modalities."""

from __future__ import annotations

from random import Random

from nextgpt_world.dialogues.cast import Cast
from nextgpt_world.dialogues.exchange import DIRECTIONS, Exchange, propose, say
from nextgpt_world.dialogues.script import Line, Script
from nextgpt_world.dialogues.wordings import Wording
from nextgpt_world.scene import Scene, Sound


def turns(rng: Random, cast: Cast, wording: Wording) -> Script:
    """Two to four exchanges; most go on from the medium before, some start afresh."""
    lines: list[Line] = []
    last: Scene | None = None
    for _ in range(rng.randint(2, 4)):
        exchange, shown = _next(rng, cast, last)
        lines += say(exchange, rng, wording, shown=shown)
        last = exchange.asked
    return Script("turns", tuple(lines))


def _next(rng: Random, cast: Cast, last: Scene | None) -> tuple[Exchange, bool]:
    if last is None or rng.random() < 0.3:
        return propose(_allowed(rng, cast, None), rng, cast), True
    return propose(_allowed(rng, cast, last), rng, cast, last), False


def _allowed(rng: Random, cast: Cast, last: Scene | None) -> str:
    if last is None:
        return rng.choice(DIRECTIONS)
    here = [d for d in DIRECTIONS if d.startswith(f"{last.modality}->")]
    if isinstance(last, Sound) and last.concept not in cast.things:
        here = [d for d in here if d.endswith(("text", "audio"))]
    if not isinstance(last, Sound) and last.concept not in cast.sounds:
        here = [d for d in here if not d.endswith("audio")]
    return rng.choice(here)
