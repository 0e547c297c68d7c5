"""What a config may set. Planning reads it: imports nothing heavy."""

from __future__ import annotations

from nextgpt_registry.specs import Options
from pydantic import Field
# +encoder


class EncoderOptions(Options):
    """Of the encoder."""

    layers: int = Field(default=2, gt=0)
# -encoder
# +decoder


class DecoderOptions(Options):
    """Of the decoder; a request may say its own."""

    steps: int = Field(default=8, gt=0)
# -decoder
