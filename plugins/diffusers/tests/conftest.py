"""Tiny pipelines of every known class, saved as diffusers saves them. Knows no test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    StableDiffusionPipeline,
    TextToVideoSDPipeline,
    UNet2DConditionModel,
    UNet3DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from nextgpt_diffusers import build, cards, latent_cards, qwen_cards
from nextgpt_diffusers.words import clip_words, qwen_words, roberta_words, t5_words

_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "steps_offset": 1,
    "clip_sample": False,
}
_XL = cards.narrow_stable_diffusion_xl(16)


def _vae() -> Any:
    return AutoencoderKL(**_XL["vae"])


def _clip(words: Any) -> Any:
    ids = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
    return CLIPTextModel(CLIPTextConfig(**_TEXT, vocab_size=len(words), **ids))


def _stable_diffusion() -> Any:
    words = clip_words()
    left_out = ("addition_embed_type", "addition_time_embed_dim")
    unet = {key: value for key, value in _XL["unet"].items() if key not in left_out}
    del unet["projection_class_embeddings_input_dim"]
    return StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=_clip(words),
        tokenizer=words,
        unet=UNet2DConditionModel(**unet),
        scheduler=DDIMScheduler(**_SCHEDULE, prediction_type="v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _pixart() -> Any:
    words = t5_words(300)
    text = T5Config(vocab_size=len(words), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    return PixArtSigmaPipeline(
        tokenizer=words,
        text_encoder=T5EncoderModel(text),
        vae=_vae(),
        transformer=PixArtTransformer2DModel(
            sample_size=8,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            in_channels=4,
            out_channels=8,
            cross_attention_dim=16,
            caption_channels=32,
            use_additional_conditions=False,
        ),
        scheduler=DPMSolverMultistepScheduler(beta_schedule="linear"),
    )


def _text_to_video() -> Any:
    words = clip_words()
    return TextToVideoSDPipeline(
        vae=_vae(),
        text_encoder=_clip(words),
        tokenizer=words,
        unet=UNet3DConditionModel(
            sample_size=8,
            layers_per_block=1,
            down_block_types=("DownBlock3D", "CrossAttnDownBlock3D"),
            up_block_types=("CrossAttnUpBlock3D", "UpBlock3D"),
            block_out_channels=(16, 16),
            norm_num_groups=8,
            cross_attention_dim=32,
            attention_head_dim=8,
        ),
        scheduler=DDIMScheduler(**_SCHEDULE),
    )


def _flux2_klein() -> Any:
    """Of the model that guidance is not distilled into: three text states of 32 side by side."""
    card = qwen_cards.narrow_flux2_klein(16)
    thin = {
        **card,
        "pipeline": {"is_distilled": False},
        "transformer": {**card["transformer"], "joint_attention_dim": 96},
        "text_encoder": {**card["text_encoder"], "hidden_size": 32},
    }
    return build.flux2_klein(thin, qwen_words())


def _ace_step() -> Any:
    """Of the model that guidance is not distilled into: text states of 32, no silence of zeros."""
    card = qwen_cards.narrow_ace_step(16)
    thin = {
        **card,
        "transformer": {**card["transformer"], "is_turbo": False, "model_version": "base"},
        "condition_encoder": {**card["condition_encoder"], "text_hidden_dim": 32},
        "text_encoder": {**card["text_encoder"], "hidden_size": 32},
    }
    pipe = build.ace_step(thin, qwen_words())
    pipe.condition_encoder.silence_latent.normal_()
    return pipe


def _audioldm() -> Any:
    """Of text states of 32."""
    card = latent_cards.narrow_audioldm(latent_cards.AUDIOLDM_L, 16)
    thin = {
        **card,
        "unet": {**card["unet"], "projection_class_embeddings_input_dim": 32},
        "text_encoder": {**card["text_encoder"], "projection_dim": 32},
    }
    return build.audioldm(thin, roberta_words())


_MAKE: dict[str, Callable[[], Any]] = {
    "StableDiffusionPipeline": _stable_diffusion,
    "StableDiffusionXLPipeline": lambda: build.stable_diffusion_xl(_XL, clip_words()),
    "PixArtSigmaPipeline": _pixart,
    "Flux2KleinPipeline": _flux2_klein,
    "TextToVideoSDPipeline": _text_to_video,
    "WanPipeline": lambda: build.wan(_thin(cards.narrow_wan(16), "transformer"), t5_words()),
    "StableAudioPipeline": lambda: build.stable_audio(cards.narrow_stable_audio(16), t5_words()),
    "AceStepPipeline": _ace_step,
    "AudioLDMPipeline": _audioldm,
}


def _thin(card: cards.Card, denoiser: str) -> cards.Card:
    """Text states of 32 in place of 4096: what is described must be the files' own."""
    return {
        **card,
        denoiser: {**card[denoiser], "text_dim": 32},
        "text_encoder": {**card["text_encoder"], "d_model": 32},
    }


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny pipeline, by its class; its weights are the same in every test."""

    @cache
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp("pipelines") / name
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _MAKE[name]().save_pretrained(folder, safe_serialization=True)
        return folder

    return make
