"""Options of mini's parts. Light: read by `nextgpt plan`, so nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nextgpt_registry.specs import Fixed, Options

CONDITION_TOKENS = 8
CONDITION_WIDTH = 192


class EncoderOptions(Options):
    """Sizes inside an encoder; the features that come out keep their declared shape."""

    layers: int | None = Field(default=None, gt=0)  # fewer than the published network's


class DecoderOptions(Options):
    """Sampling (per request) and the sizes inside (twins are smaller; conditions never change)."""

    steps: int = Field(default=6, ge=1, le=200)
    guidance: float = Field(default=2.5, ge=1.0, le=20.0)
    hidden: Annotated[int, Fixed()] = Field(default=256, ge=16, multiple_of=16)
    layers: Annotated[int, Fixed()] = Field(default=6, gt=0)
    text_layers: Annotated[int, Fixed()] = Field(default=3, gt=0)


class SoundOptions(DecoderOptions):
    """A spectrogram needs fewer layers than a picture."""

    layers: Annotated[int, Fixed()] = Field(default=4, gt=0)
    vocoder_width: Annotated[int, Fixed()] = Field(default=160, ge=16)


TWIN = {"hidden": 32, "layers": 1, "text_layers": 1, "steps": 2}
SOUND_TWIN = {**TWIN, "vocoder_width": 16}
