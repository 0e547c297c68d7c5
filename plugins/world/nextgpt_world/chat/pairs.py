"""The committed pairs of prompt and answer. `nextgpt world distil` makes them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

Pair = tuple[str, str]

_EVERY = 10


@cache
def pairs(*, kept: bool = False) -> tuple[Pair, ...]:
    """(prompt, answer); one in ten is kept for testing and only given when `kept`."""
    return read_pairs("nextgpt_world.chat", "pairs.jsonl", every=_EVERY, kept=kept)


def read_pairs(package: str, name: str, *, every: int, kept: bool) -> tuple[Pair, ...]:
    """(prompt, answer) of a package's file, each last of `every` only and always when `kept`."""
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    read = [json.loads(line) for line in text.splitlines()]
    return tuple((p, a) for n, (p, a) in enumerate(read) if (n % every == every - 1) == kept)
