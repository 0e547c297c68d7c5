"""What a config may set of the encoders here. Imports nothing heavy."""

from __future__ import annotations

from pydantic import Field

from nextgpt_registry.specs import Options


class EncoderOptions(Options):
    """Of every encoder."""

    narrow: int | None = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes two layers deep and this wide, without weights, its features
    repeated up to the declared width."""


class ClipOptions(EncoderOptions):
    """Of CLIP's."""

    layer: int = Field(default=-2, le=-1)
    """Whose states are returned, counted from the end; the last is trained for its CLS alone."""
