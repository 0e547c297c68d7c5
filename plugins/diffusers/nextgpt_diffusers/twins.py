"""Pipelines this wide, of the real classes and with tiny tokenizers, without weights."""

from __future__ import annotations

from typing import Any

from nextgpt_diffusers import build, cards, latent_cards, qwen_cards
from nextgpt_diffusers.cards import Card
from nextgpt_diffusers.words import clip_words, qwen_words, roberta_words, t5_words


def wan(width: int) -> Any:
    """Of Wan 2.1."""
    return build.wan(cards.narrow_wan(width), t5_words())


def stable_audio(width: int) -> Any:
    """Of Stable Audio Open."""
    return build.stable_audio(cards.narrow_stable_audio(width), t5_words())


def stable_diffusion_xl(width: int) -> Any:
    """Of the SDXL family."""
    return build.stable_diffusion_xl(cards.narrow_stable_diffusion_xl(width), clip_words())


def flux2_klein(width: int) -> Any:
    """Of FLUX.2 klein."""
    return build.flux2_klein(qwen_cards.narrow_flux2_klein(width), qwen_words())


def ace_step(width: int) -> Any:
    """Of ACE-Step 1.5 turbo."""
    return build.ace_step(qwen_cards.narrow_ace_step(width), qwen_words())


def named_stable_diffusion(card: Card, width: int) -> Any:
    """Of a Stable Diffusion of one text encoder."""
    thin = latent_cards.narrow_stable_diffusion(card, width)
    return build.stable_diffusion(thin, clip_words(**card["tokenizer"]))


def named_stable_diffusion_xl(card: Card, width: int) -> Any:
    """Of one of two."""
    thin = latent_cards.narrow_stable_diffusion(card, width)
    words = [clip_words(**card[part]) for part in ("tokenizer", "tokenizer_2")]
    return build.stable_diffusion_xl(thin, *words)


def text_to_video(card: Card, width: int) -> Any:
    """Of ZeroScope."""
    thin = latent_cards.narrow_text_to_video(card, width)
    return build.text_to_video(thin, clip_words(**card["tokenizer"]))


def audioldm(card: Card, width: int) -> Any:
    """Of AudioLDM."""
    return build.audioldm(latent_cards.narrow_audioldm(card, width), roberta_words())
