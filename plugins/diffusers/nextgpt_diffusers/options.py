"""What a config or a request may set of the decoders here. Imports nothing heavy.

What is left out is the pipeline's own: the default of its call, or of its files.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from nextgpt_registry.specs import Fixed, Options

Scheduler = Literal["published", "ddim", "dpm++", "euler", "euler-ancestral", "unipc"]
StepCache = Literal["first-block", "sea", "taylorseer"]


class DecoderOptions(Options):
    """Of every decoder."""

    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=0, le=30)
    scheduler: Scheduler = "published"
    """The sampler; one that does not fit what the pipeline predicts is refused."""
    step_cache: StepCache | None = None
    """Leave out most of the denoiser at steps where it would say nearly the same. Quicker, and the
    media are others, with less in them that is fine; only for pipelines that can."""
    negative: str = Field(default="", max_length=1000)
    """What guidance leads away from, in words."""
    vae_dtype: Annotated[Literal["float32", "bfloat16", "float16"] | None, Fixed()] = None
    """Of the autoencoder alone; the plan counts it like the rest, in the component's `dtype`."""
    min_snr: Annotated[float | None, Fixed()] = Field(default=None, gt=0, le=100)
    """Weigh the denoising loss of each item by min(SNR, this) (arXiv 2303.09556); 5 in the paper.
    Not for pipelines that predict a flow."""
    narrow: Annotated[int | None, Fixed()] = Field(default=None, ge=16, le=64, multiple_of=16)
    """The twin: the same classes this wide, without weights."""


class ImageOptions(DecoderOptions):
    """Of pictures."""

    height: int | None = Field(default=None, ge=64, le=2048, multiple_of=16)
    width: int | None = Field(default=None, ge=64, le=2048, multiple_of=16)


LatentScheduler = Literal["ddim", "dpm++", "euler", "euler-ancestral", "unipc"]
"""Samplers for the noise of latent diffusion; a card names no published one."""


class Sd15Options(DecoderOptions):
    """Of Stable Diffusion 1.5."""

    steps: int | None = Field(default=25, ge=1, le=200)
    guidance: float | None = Field(default=7.5, ge=0, le=30)
    scheduler: LatentScheduler = "dpm++"
    step_cache: None = None
    height: int | None = Field(default=512, ge=64, le=2048, multiple_of=8)
    width: int | None = Field(default=512, ge=64, le=2048, multiple_of=8)


class Sd2Options(Sd15Options):
    """Of Stable Diffusion 2."""

    height: int | None = Field(default=768, ge=64, le=2048, multiple_of=8)
    width: int | None = Field(default=768, ge=64, le=2048, multiple_of=8)


class TurboOptions(Sd15Options):
    """Of SDXL Turbo, distilled to one step without guidance."""

    steps: int | None = Field(default=1, ge=1, le=8)
    guidance: float | None = Field(default=0.0, ge=0, le=30)
    scheduler: LatentScheduler = "euler-ancestral"


class Flux2KleinOptions(ImageOptions):
    """Of FLUX.2 klein, whose guidance went into its weights."""

    steps: int | None = Field(default=4, ge=1, le=200)
    guidance: None = None
    scheduler: Literal["published", "dpm++", "euler", "unipc"] = "published"
    step_cache: None = None  # four steps are too few to leave one out
    min_snr: Annotated[None, Fixed()] = None
    height: int | None = Field(default=1024, ge=64, le=2048, multiple_of=16)
    width: int | None = Field(default=1024, ge=64, le=2048, multiple_of=16)


class VideoOptions(DecoderOptions):
    """Of videos."""

    frames: int | None = Field(default=None, ge=1, le=129)
    rate: float | None = Field(default=None, gt=0, le=60)
    """Frames a second that the video is played at."""
    height: int | None = Field(default=None, ge=64, le=1280, multiple_of=16)
    width: int | None = Field(default=None, ge=64, le=1280, multiple_of=16)


class ZeroscopeOptions(VideoOptions):
    """Of ZeroScope."""

    steps: int | None = Field(default=25, ge=1, le=200)
    guidance: float | None = Field(default=7.5, ge=0, le=30)
    scheduler: LatentScheduler = "dpm++"
    step_cache: None = None
    frames: int | None = Field(default=24, ge=1, le=64)
    rate: float | None = Field(default=8.0, gt=0, le=60)
    height: int | None = Field(default=320, ge=64, le=1024, multiple_of=64)
    width: int | None = Field(default=576, ge=64, le=1024, multiple_of=64)


class WanOptions(VideoOptions):
    """Of Wan 2.1, whose autoencoder takes frames by fours after the first."""

    steps: int | None = Field(default=50, ge=1, le=200)
    guidance: float | None = Field(default=5.0, ge=0, le=30)
    scheduler: Literal["published", "dpm++", "euler", "unipc"] = "published"
    min_snr: Annotated[None, Fixed()] = None
    frames: int | None = Field(default=81, ge=1, le=129)
    height: int | None = Field(default=480, ge=64, le=1280, multiple_of=16)
    width: int | None = Field(default=832, ge=64, le=1280, multiple_of=16)

    @field_validator("frames")
    @classmethod
    def _by_fours(cls, value: int | None) -> int | None:
        if value is not None and value % 4 != 1:
            raise ValueError(f"{value} frames: write {value // 4 * 4 + 1}, one more than fours")
        return value


class AudioOptions(DecoderOptions):
    """Of sound."""

    step_cache: None = None
    seconds: float = Field(default=10.0, ge=0.1, le=47)


class AudioLdmOptions(AudioOptions):
    """Of AudioLDM."""

    steps: int | None = Field(default=50, ge=1, le=200)
    guidance: float | None = Field(default=2.5, ge=0, le=30)
    scheduler: LatentScheduler = "ddim"
    seconds: float = Field(default=5.0, ge=0.64, le=20)


class StableAudioOptions(AudioOptions):
    """Of Stable Audio Open, whose noise levels no other sampler has."""

    steps: int | None = Field(default=100, ge=1, le=200)
    guidance: float | None = Field(default=7.0, ge=0, le=30)
    scheduler: Literal["published"] = "published"


class AceStepOptions(AudioOptions):
    """Of ACE-Step 1.5 turbo, whose guidance went into its weights."""

    steps: int | None = Field(default=8, ge=1, le=200)
    guidance: None = None
    scheduler: Literal["published", "euler"] = "published"
    min_snr: Annotated[None, Fixed()] = None
    seconds: float = Field(default=10.0, ge=0.1, le=600)
