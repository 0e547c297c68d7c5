"""Sizes that are declared, and what a config may set. Planning reads it: imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nextgpt_registry.specs import Options

WIDTH = 1024
"""Of every feature."""
PATCHES = {"image": 256, "video": 256, "audio": 228, "depth": 196, "thermal": 196, "imu": 250}
"""Tokens of each modality without CLS."""
PARAMETERS = 1_200_781_057
"""As the package builds `imagebind_huge`, its text tower included."""
LICENCE = "CC-BY-NC-SA-4.0"
"""Of the package as well as of the weights."""


class EncoderOptions(Options):
    """Of every encoder; encoders of one system share a trunk, so set them alike."""

    logit_scaling: Literal["drop", "keep"] = "drop"
    """ImageBind multiplies unit vectors of sound by 20, of heat by 10, of depth and motion by 5, to
    compare them with others. `drop` leaves them at length one, as NExT-GPT's encoder leaves sound;
    `keep` is ImageBind as released."""
    disparity: float = Field(default=38.914, gt=0, le=10_000)
    """Of depth at one metre, in pixels: the camera's baseline in metres times its focal length in
    pixels. Default: a Kinect's 0.075 and 518.86, ImageBind's training data."""
    narrow: int | None = Field(default=None, ge=8, le=64, multiple_of=8)
    """The twin: the same classes two layers deep and this wide, without weights, its features
    repeated up to the declared width."""
