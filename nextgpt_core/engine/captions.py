"""The caption route: which words of the conversation say what a medium should be.

A decoder on this route gets a sentence instead of projected states, so it works before any
output projection is trained. The sentence is the last one that the model wrote before the group,
or the user's last words where it wrote none. Knows nothing about tokens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nextgpt_registry.messages import Turn

_SENTENCE = re.compile(r"[^.!?\n]*[^.!?\s][^.!?\n]*[.!?]*")


def caption(written: str, turns: Sequence[Turn]) -> str:
    """The caption of a group that comes after the answer's text `written`."""
    said = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    return last_sentence(written) or " ".join(said.split())


def last_sentence(text: str) -> str:
    """The last sentence or line that has a word in it, without its closing colon."""
    sentences = _SENTENCE.findall(text)
    return sentences[-1].strip().removesuffix(":").strip() if sentences else ""
