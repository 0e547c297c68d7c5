"""Each declared decoder: what runs a pipeline, with the classes and the sizes of one model."""

from __future__ import annotations

from functools import partial
from typing import Any

from nextgpt_diffusers import build, cards, latent_cards, qwen_cards, twins
from nextgpt_diffusers.cards import Card
from nextgpt_diffusers.live import PipelineDecoder

Image = partial(PipelineDecoder, "image", twins.stable_diffusion_xl)
Video = partial(PipelineDecoder, "video", twins.wan)
Audio = partial(PipelineDecoder, "audio", twins.stable_audio)
Wan21 = partial(Video, full=partial(build.wan, cards.WAN21), only="WanPipeline")
StableAudioOpen = partial(
    Audio, full=partial(build.stable_audio, cards.STABLE_AUDIO), only="StableAudioPipeline"
)
AceStepTurbo = partial(
    PipelineDecoder,
    "audio",
    twins.ace_step,
    full=partial(build.ace_step, qwen_cards.ACE_STEP),
    only="AceStepPipeline",
)
Flux2Klein4b = partial(
    PipelineDecoder,
    "image",
    twins.flux2_klein,
    full=partial(build.flux2_klein, qwen_cards.FLUX2_KLEIN),
    only="Flux2KleinPipeline",
)


def _of_files(modality: str, only: str, make: Any, twin: Any, card: Card) -> Any:
    """A decoder of separate files: the classes of `make`, sized by a card."""
    return partial(
        PipelineDecoder,
        modality,
        partial(twin, card),
        full=partial(make, card),
        only=only,
        card=card,
    )


Sd15, Sd2 = (
    _of_files(
        "image", "StableDiffusionPipeline", build.stable_diffusion, twins.named_stable_diffusion, c
    )
    for c in (latent_cards.SD15, latent_cards.SD2)
)
SdxlTurbo = _of_files(
    "image",
    "StableDiffusionXLPipeline",
    build.stable_diffusion_xl,
    twins.named_stable_diffusion_xl,
    latent_cards.SDXL_TURBO,
)
Zeroscope = _of_files(
    "video",
    "TextToVideoSDPipeline",
    build.text_to_video,
    twins.text_to_video,
    latent_cards.ZEROSCOPE,
)
AudioLdmLFull = _of_files(
    "audio", "AudioLDMPipeline", build.audioldm, twins.audioldm, latent_cards.AUDIOLDM_L
)
