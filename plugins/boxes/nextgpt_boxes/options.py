"""What a config or a request may set. Planning reads it: imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nextgpt_registry.specs import Fixed, Options

TOKENS, WIDTH = 2, 96
"""Of the condition: what is looked for, and where."""


class FinderOptions(Options):
    """Which boxes are kept (per request), and the size inside (smaller in a twin)."""

    threshold: float = Field(default=0.4, ge=0, le=1)  # boxes of a lower score are left out
    most: int = Field(default=12, ge=1, le=100)  # the most boxes, the surest first
    hidden: Annotated[int, Fixed()] = Field(default=96, ge=16, multiple_of=16)  # channels
    repeats: Annotated[int, Fixed()] = Field(default=3, ge=1, le=3)  # blocks of a stage


TWIN = {"hidden": 16, "repeats": 1, "threshold": 0.0}
