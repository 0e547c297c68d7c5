"""A world of six things to see, and numbered dialogues about them. Put your own data here."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
from nextgpt_registry import Media, MediaPart, Message

SHOWN = {
    f"{count} {kind} wave{'s' * (number > 1)}": (number, height)
    for count, number in {"one": 1, "two": 2, "three": 3}.items()
    for kind, height in {"low": 0.3, "high": 0.9}.items()
}
"""Caption -> how many waves there are, and how high."""

CAPTIONS = tuple(SHOWN)
QUESTIONS = ("What is this?", "What do you see in it?", "Describe it.")
WISHES = ("Answer with example:", "As example, please:", "Show it as example:")


@dataclass(frozen=True)
class Dialogues:
    """`Dialogues("tell")[n]` asks about a medium, `Dialogues("make")[n]` asks for one.

    The same number is always the same dialogue, and there is no end of them: that is all that
    training wants (`NumberedDialogues` in nextgpt_registry/protocols.py).
    """

    task: Literal["tell", "make"]

    def __getitem__(self, number: int) -> tuple[Message, Message]:
        chance = Random(f"{self.task} {number}")
        caption = chance.choice(CAPTIONS)
        part = MediaPart("example", shown(caption, chance), caption)
        if self.task == "tell":
            asked = (part, chance.choice(QUESTIONS))
            return Message("user", asked), Message("assistant", (f"It shows {caption}.",))
        wish = f"{chance.choice(WISHES)} {caption}."
        return Message("user", (wish,)), Message("assistant", ("Here you are: ", part))


def shown(caption: str, chance: Random) -> Media:
    """A medium of what a caption says: so many waves, so high, never twice the same."""
    number, height = SHOWN[caption]
    x = np.linspace(0, 2 * np.pi * number, chance.randint(48, 80))
    noise = np.random.default_rng(chance.getrandbits(32)).normal(0, 0.03, len(x))
    return Media("example", (height * np.sin(x) + noise).clip(-1, 1).astype("float32"))
