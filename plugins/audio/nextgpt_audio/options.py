"""What a config may set of the encoders here. Imports nothing but pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderOptions(_Options):
    """Of every encoder."""

    narrow: int | None = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes two layers deep and this wide, without weights, its features
    repeated up to the declared width."""
