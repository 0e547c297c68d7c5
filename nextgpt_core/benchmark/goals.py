"""What the figures of a system are held against, as data beside its config.

    goals: {text.clients: 3.5, "decode.*": {most: 0.5}}   # of ratios; the last that fits counts
    reference: {photo: {steps: 64}}   # options of a channel's decoder that its own are held against
    interleaved: {parts: "…"}         # a request, as `chat` takes it, whose answer has three media

Measures nothing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from nextgpt_registry.config import Settings
from nextgpt_registry.documents import read_yaml
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.explain import lines
from nextgpt_registry.specs import Name


class Most(Settings):
    """A goal that small ratios reach."""

    most: float = Field(gt=0)


class Standard(Settings):
    """All that a system's figures are held against."""

    goals: dict[str, float | Most] = Field(default_factory=dict)
    reference: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    interleaved: dict[str, Any] | None = None

    def goal(self, name: str) -> float | Most | None:
        """The goal of a figure, if it has one."""
        fitting = [goal for pattern, goal in self.goals.items() if fnmatchcase(name, pattern)]
        return fitting[-1] if fitting else None


def read_standard(path: Path) -> Standard:
    """The standard in a file.

    Raises:
        ConfigError: it cannot be read, or has wrong keys or values.
    """
    try:
        return Standard.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(str(path), f"cannot be read:{lines(error, Standard)}") from error


def reached(goal: float | Most | None, ratio: float) -> bool | None:
    """Whether a ratio reaches its goal; None where there is none."""
    if goal is None:
        return None
    return ratio <= goal.most if isinstance(goal, Most) else ratio >= goal
