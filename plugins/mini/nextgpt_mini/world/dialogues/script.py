"""A conversation before it is rendered: who says which text and shows which scene."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from nextgpt_mini.world.library import Library
from nextgpt_mini.world.render import render
from nextgpt_mini.world.scene import Scene, caption
from nextgpt_registry.messages import MediaPart, Turn


@dataclass(frozen=True)
class Line:
    """What one side says: texts and scenes in order."""

    role: Literal["user", "assistant"]
    parts: tuple[str | Scene, ...]

    @property
    def text(self) -> str:
        """The texts, joined by spaces."""
        return " ".join(part for part in self.parts if isinstance(part, str))

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes, in order."""
        return tuple(part for part in self.parts if not isinstance(part, str))


@dataclass(frozen=True)
class Script:
    """Lines, user and assistant in turn; `direction` says what it practises."""

    direction: str
    lines: tuple[Line, ...]

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Every scene, in order."""
        return tuple(scene for line in self.lines for scene in line.scenes)


def perform(script: Script, library: Library, rng: Random) -> tuple[Turn, ...]:
    """The script as turns with rendered media; media of an answer carry their caption.

    A scene that occurs twice is one medium: it is rendered once.
    """
    numbers = np.random.default_rng(rng.getrandbits(64))
    media = {scene: render(scene, library, numbers) for scene in dict.fromkeys(script.scenes)}
    return tuple(
        Turn(
            line.role,
            tuple(
                part
                if isinstance(part, str)
                else MediaPart(
                    part.modality,
                    media[part],
                    caption(part) if line.role == "assistant" else "",
                )
                for part in line.parts
            ),
        )
        for line in script.lines
    )
