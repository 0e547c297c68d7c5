"""Options of the decoder. Light: read by `nextgpt plan`, so nothing heavy is imported."""

from __future__ import annotations

from pydantic import Field

from nextgpt_registry.specs import Options

TOKENS = 4
WIDTH = 48
"""Of the condition: an embedding of 192 numbers, in four parts."""

EXAMPLES = "examples"
"""The library of a few media that their modality's plugin makes for tests."""


class RetrievalOptions(Options):
    """Where is searched, and what is good enough."""

    library: str = ""  # a folder that `nextgpt retrieval index` wrote, or "examples"
    top: int = Field(default=1, ge=1, le=100)  # the item's seed draws one of so many best
    minimum_score: float = Field(default=0.25, ge=-1.0, le=1.0)  # cosine; below it nothing is found
