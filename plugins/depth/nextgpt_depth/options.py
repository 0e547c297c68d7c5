"""Sizes that are declared, and what a config may set. Planning reads it: imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nextgpt_registry.specs import Fixed, Options

TOKENS = 16
WIDTH = 128
"""Of the encoder's features: 4 x 4 cells."""
SLOTS = 4
SLOT_WIDTH = 64
"""Of the decoder's condition: what, how many, where, how large."""
SIDE = 64
"""Pixels of the maps that encoder and decoder work on."""


class EncoderOptions(Options):
    """Sizes inside the encoder; the features that come out keep their declared shape."""

    channels: int = Field(default=32, gt=0)  # of the first layer, four times as many of the last


class DecoderOptions(Options):
    """Sampling (a request may say its own) and the sizes inside."""

    steps: int = Field(default=12, ge=1, le=200)
    guidance: float = Field(default=2.0, ge=1.0, le=20.0)
    channels: Annotated[int, Fixed()] = Field(default=48, gt=0, multiple_of=16)
    text_layers: Annotated[int, Fixed()] = Field(default=2, gt=0)
