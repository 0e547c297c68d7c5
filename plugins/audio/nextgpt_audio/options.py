"""What a config may set of the encoders and decoders here. Imports nothing but pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderOptions(_Options):
    """Of every encoder."""

    narrow: int | None = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes two layers deep and this wide, without weights, its features
    repeated up to the declared width."""


class DecoderOptions(_Options):
    """Of the decoder."""

    steps: int = Field(default=50, ge=1, le=200)
    guidance: float = Field(default=2.5, ge=0, le=30)
    seconds: float = Field(default=5.0, ge=0.64, le=20)
    negative: str = Field(default="", max_length=1000)
    """What guidance leads away from, in words."""
    narrow: int | None = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes this wide, without weights."""
