"""How things are asked for and answered, from `wordings.json`. Knows no scene."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from random import Random
from typing import Literal

Wording = Literal["train", "paraphrase"]
"""One in five templates is kept for testing paraphrases and never trained on."""

_EVERY = 5


@cache
def wordings() -> dict[str, dict[str, tuple[str, ...]]]:
    """Templates by direction (or role in an answer) and by the kind of request."""
    text = files("nextgpt_world.dialogues").joinpath("wordings.json").read_text("utf-8")
    return {
        group: {kind: tuple(templates) for kind, templates in kinds.items()}
        for group, kinds in json.loads(text).items()
    }


def choices(group: str, kind: str, wording: Wording) -> tuple[str, ...]:
    """The templates of one kind of request that this side may use."""
    kept = wording == "paraphrase"
    templates = wordings()[group][kind]
    return tuple(t for n, t in enumerate(templates) if (n % _EVERY == _EVERY - 1) == kept)


def choose(group: str, kind: str, rng: Random, wording: Wording = "train") -> str:
    """One of them."""
    return rng.choice(choices(group, kind, wording))
