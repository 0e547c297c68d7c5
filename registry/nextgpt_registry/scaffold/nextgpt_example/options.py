"""What a config may set. Planning reads it: imports nothing but pydantic."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
# +encoder


class EncoderOptions(BaseModel):
    """Of the encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, gt=0)
# -encoder
# +decoder


class DecoderOptions(BaseModel):
    """Of the decoder; a request may say its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=8, gt=0)
# -decoder
