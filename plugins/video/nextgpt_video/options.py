"""What a config may set of the encoders and decoders here. Imports nothing but pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nextgpt_registry.specs import Fixed

Scheduler = Literal["ddim", "dpm++", "euler", "euler-ancestral", "unipc"]
"""Samplers that diffusers has for the noise of these models."""


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderOptions(_Options):
    """Of every encoder."""

    narrow: int | None = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes two layers deep and this wide, without weights, its features
    repeated up to the declared width."""


class ClipOptions(EncoderOptions):
    """Of CLIP's."""

    layer: int = Field(default=-2, le=-1)
    """Whose states are returned, counted from the end; the last is trained for its CLS alone."""


class DecoderOptions(_Options):
    """Of the decoder."""

    steps: int = Field(default=25, ge=1, le=200)
    guidance: float = Field(default=7.5, ge=0, le=30)
    frames: int = Field(default=24, ge=1, le=64)
    rate: float = Field(default=8.0, gt=0, le=60)
    """Frames a second that the film is played at."""
    height: int = Field(default=320, ge=64, le=1024, multiple_of=64)
    width: int = Field(default=576, ge=64, le=1024, multiple_of=64)
    scheduler: Scheduler = "dpm++"
    negative: str = Field(default="", max_length=1000)
    """What guidance leads away from, in words."""
    min_snr: Annotated[float | None, Fixed()] = Field(default=None, gt=0, le=100)
    """Weigh each item's denoising loss by min(SNR, this) (arXiv 2303.09556); 5 in the paper."""
    narrow: Annotated[int | None, Fixed()] = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes this wide, without weights."""
