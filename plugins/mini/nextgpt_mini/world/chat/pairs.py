"""The committed pairs of prompt and answer. `train/distil.py` makes them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

Pair = tuple[str, str]

_EVERY = 10


@cache
def pairs(*, kept: bool = False) -> tuple[Pair, ...]:
    """(prompt, answer); one in ten is kept for testing and only given when `kept`."""
    text = files("nextgpt_mini.world.chat").joinpath("pairs.jsonl").read_text(encoding="utf-8")
    read = [json.loads(line) for line in text.splitlines()]
    return tuple((p, a) for n, (p, a) in enumerate(read) if (n % _EVERY == _EVERY - 1) == kept)
