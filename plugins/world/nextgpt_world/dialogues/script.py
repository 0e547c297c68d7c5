"""A conversation before it is rendered: who says which text and shows which scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nextgpt_world.scene import Scene


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
