"""Pipelines from the configs of their parts: diffusers' own classes, without weights."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import (
    AceStepConditionEncoder,
    AceStepTransformer1DModel,
    AudioLDMPipeline,
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLWan,
    AutoencoderOobleck,
    CosineDPMSolverMultistepScheduler,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    StableAudioDiTModel,
    StableAudioPipeline,
    StableAudioProjectionModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    TextToVideoSDPipeline,
    UNet2DConditionModel,
    UNet3DConditionModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from transformers.models.clap.configuration_clap import ClapTextConfig
from transformers.models.clap.modeling_clap import ClapTextModelWithProjection
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection
from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3ForCausalLM, Qwen3Model
from transformers.models.speecht5.configuration_speecht5 import SpeechT5HifiGanConfig
from transformers.models.speecht5.modeling_speecht5 import SpeechT5HifiGan
from transformers.models.t5.configuration_t5 import T5Config
from transformers.models.t5.modeling_t5 import T5EncoderModel
from transformers.models.umt5.configuration_umt5 import UMT5Config
from transformers.models.umt5.modeling_umt5 import UMT5EncoderModel

from nextgpt_diffusers.ace_step import AceStepPipeline
from nextgpt_diffusers.cards import Card

# Schedules are tables of numbers on the CPU, not weights to be placed with the rest.


def wan(card: Card, words: Any = None) -> Any:
    """Wan 2.1; `words` is its tokenizer, if it is at hand."""
    text = UMT5Config(**{**card["text_encoder"], **_size(words)})
    with torch.device("cpu"):
        scheduler = UniPCMultistepScheduler(**card["scheduler"])
    return WanPipeline(
        tokenizer=words,
        text_encoder=UMT5EncoderModel(text),
        transformer=WanTransformer3DModel(**card["transformer"]),
        vae=AutoencoderKLWan(**card["vae"]),
        scheduler=scheduler,
    )


def stable_audio(card: Card, words: Any = None) -> Any:
    """Stable Audio."""
    text = T5Config(**{**card["text_encoder"], **_size(words)})
    with torch.device("cpu"):
        scheduler = CosineDPMSolverMultistepScheduler(**card["scheduler"])
    with quiet():
        vae = AutoencoderOobleck(**card["vae"])
    return StableAudioPipeline(
        tokenizer=words,
        text_encoder=T5EncoderModel(text),
        projection_model=StableAudioProjectionModel(**card["projection_model"]),
        transformer=StableAudioDiTModel(**card["transformer"]),
        vae=vae,
        scheduler=scheduler,
    )


def stable_diffusion(card: Card, words: Any = None) -> Any:
    """A Stable Diffusion of one text encoder."""
    return StableDiffusionPipeline(
        vae=AutoencoderKL(**card["vae"]),
        text_encoder=CLIPTextModel(CLIPTextConfig(**card["text_encoder"], **_ids(words))),
        tokenizer=words,
        unet=UNet2DConditionModel(**card["unet"]),
        scheduler=_ddim(card),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def text_to_video(card: Card, words: Any = None) -> Any:
    """ModelScope's text to video."""
    with quiet():
        return TextToVideoSDPipeline(
            vae=AutoencoderKL(**card["vae"]),
            text_encoder=CLIPTextModel(CLIPTextConfig(**card["text_encoder"], **_ids(words))),
            tokenizer=words,
            unet=UNet3DConditionModel(**card["unet"]),
            scheduler=_ddim(card),
        )


def audioldm(card: Card, words: Any = None) -> Any:
    """AudioLDM."""
    text = ClapTextConfig(**{**card["text_encoder"], **_size(words)})
    with quiet():
        return AudioLDMPipeline(
            vae=AutoencoderKL(**card["vae"]),
            text_encoder=ClapTextModelWithProjection(text),
            tokenizer=words,
            unet=UNet2DConditionModel(**card["unet"]),
            scheduler=_ddim(card),
            vocoder=SpeechT5HifiGan(SpeechT5HifiGanConfig(**card["vocoder"])),
        )


def stable_diffusion_xl(card: Card, words: Any = None, words_2: Any = None) -> Any:
    """A pipeline of the SDXL family; its tokenizers are one where the second is not given."""
    texts = [CLIPTextConfig(**card[part], **_ids(words)) for part in _TEXTS]
    return StableDiffusionXLPipeline(
        vae=AutoencoderKL(**card["vae"]),
        text_encoder=CLIPTextModel(texts[0]),
        text_encoder_2=CLIPTextModelWithProjection(texts[1]),
        tokenizer=words,
        tokenizer_2=words_2 or words,
        unet=UNet2DConditionModel(**card["unet"]),
        scheduler=_ddim(card),
        add_watermarker=False,
    )


def ace_step(card: Card, words: Any = None) -> Any:
    """ACE-Step 1.5, whose prompts may be states."""
    text = Qwen3Config(**{**card["text_encoder"], **_size(words)})
    with torch.device("cpu"):
        scheduler = FlowMatchEulerDiscreteScheduler(**card["scheduler"])
    with quiet():
        vae = AutoencoderOobleck(**card["vae"])
    return AceStepPipeline(
        vae=vae,
        text_encoder=Qwen3Model(text),
        tokenizer=words,
        transformer=AceStepTransformer1DModel(**card["transformer"]),
        condition_encoder=AceStepConditionEncoder(**card["condition_encoder"]),
        scheduler=scheduler,
    )


def flux2_klein(card: Card, words: Any = None) -> Any:
    """FLUX.2 klein."""
    text = Qwen3Config(**{**card["text_encoder"], **_size(words)})
    with torch.device("cpu"):
        scheduler = FlowMatchEulerDiscreteScheduler(**card["scheduler"])
    return Flux2KleinPipeline(
        scheduler=scheduler,
        vae=AutoencoderKLFlux2(**card["vae"]),
        text_encoder=Qwen3ForCausalLM(text),
        tokenizer=words,
        transformer=Flux2Transformer2DModel(**card["transformer"]),
        **card["pipeline"],
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without what is said at every construction: torch, that diffusers norms weights the older
    way; diffusers, that a pipeline gets no new features."""
    log = logging.getLogger("diffusers.pipelines.pipeline_utils")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*weight_norm", category=FutureWarning)
            yield
    finally:
        log.setLevel(level)


_TEXTS = ("text_encoder", "text_encoder_2")


def _ddim(card: Card) -> Any:
    with torch.device("cpu"):
        return DDIMScheduler(**card["scheduler"], clip_sample=False, set_alpha_to_one=False)


def _size(words: Any) -> dict[str, int]:
    return {} if words is None else {"vocab_size": len(words)}


def _ids(words: Any) -> dict[str, int]:
    if words is None:  # those of the published tokenizers are the config's own
        return {}
    return {**_size(words), "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
