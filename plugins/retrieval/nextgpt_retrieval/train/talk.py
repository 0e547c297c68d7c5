"""Talk in the words of a search that looks for no picture, and what is said to it.

The answers in `talk.jsonl` are the bare language model's own, so that learning them keeps it.
"""

from __future__ import annotations

from functools import cache

from nextgpt_world.chat.pairs import Pair, read_pairs

_EVERY = 5


@cache
def talk(*, kept: bool = False) -> tuple[Pair, ...]:
    """(prompt, answer); one in five is kept for testing and only given when `kept`."""
    return read_pairs("nextgpt_retrieval.train", "talk.jsonl", every=_EVERY, kept=kept)
