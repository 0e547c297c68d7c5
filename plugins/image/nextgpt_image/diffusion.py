"""Stable Diffusion as a decoder of pictures, on diffusers' own pipelines built from configs.

Driven by text states in place of a prompt: `text` (B, 77, D), and for the SDXL family also
`pooled` (B, 1, D). Legend: B batch, T tokens, D width, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import Generator, Tensor
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from nextgpt_image.cards import SD2, SD15, SDXL_TURBO, Card
from nextgpt_image.modality import IMAGE
from nextgpt_image.noise import draw, loss, noised
from nextgpt_image.options import DecoderOptions
from nextgpt_image.pixels import filled
from nextgpt_image.samplers import sampler
from nextgpt_image.words import published, tiny
from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part
from nextgpt_registry.protocols import OnStep

_OLDER_VAE = {  # as the oldest published files spell the attention
    "to_q.weight": "query.weight",
    "to_q.bias": "query.bias",
    "to_k.weight": "key.weight",
    "to_k.bias": "key.bias",
    "to_v.weight": "value.weight",
    "to_v.bias": "value.bias",
    "to_out.0.weight": "proj_attn.weight",
    "to_out.0.bias": "proj_attn.bias",
}


class DiffusionDecoder(torch.nn.Module):
    """Text states -> pictures; captions -> text states; pictures and text states -> a loss."""

    def __init__(self, card: Card, options: DecoderOptions) -> None:
        super().__init__()
        self.card = card.narrow(options.narrow) if options.narrow else card
        self.options = options
        self.unet = UNet2DConditionModel(**self.card.unet)
        self.vae = AutoencoderKL(**self.card.vae)
        words = [tiny(pad=pad) for pad in card.pads] if options.narrow else []
        kinds = (CLIPTextModel, CLIPTextModelWithProjection)
        self.texts = torch.nn.ModuleList(
            kind(CLIPTextConfig(**config, **_ids(words)))
            for kind, config in zip(kinds, self.card.texts, strict=False)
        )
        self.pipe = self._pipeline(words)
        self.negatives: dict[str, tuple[Tensor, ...]] = {}

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load the files that the declaration names, in diffusers' layout."""
        who = self.card.name
        if "unet" in paths:
            load_part(self.unet, paths["unet"], who=who)
        if "vae" in paths:
            load_part(self.vae, paths["vae"], who=who, spellings=_OLDER_VAE)
        for name, text in zip(("text-encoder", "text-encoder-2"), self.texts, strict=False):
            if name in paths:
                load_part(text, paths[name], who=who, prefixes=("text_model.",))
        if "vocab" in paths:
            words = [published(paths, pad=pad, who=who) for pad in self.card.pads]
            self.pipe = self._pipeline(words)
        self.negatives.clear()

    def batch_key(self, options: DecoderOptions) -> Hashable:
        """Pictures of one call share every option."""
        return options.model_dump_json()

    def decode(
        self,
        conditions: Mapping[str, Tensor],
        *,
        taken: Sequence[Sequence[Media]],
        options: DecoderOptions,
        generators: Sequence[Generator],
        on_step: OnStep,
    ) -> list[Media]:
        """{name: (B, T, D)} -> B pictures; guidance is one call of twice the batch."""
        given = self._arguments(conditions)
        if options.guidance > 1:
            negatives = self._negatives(options.negative)
            given |= self._arguments(
                {
                    name: value.expand(len(generators), -1, -1).to(conditions[name])
                    for name, value in zip(conditions, negatives, strict=True)
                },
                prefix="negative_",
            )

        def stepped(pipe: Any, done: int, time: Any, state: Mapping[str, Any]) -> dict[str, Any]:
            on_step(done + 1, pipe.num_timesteps)
            return {}

        self.pipe.scheduler = sampler(options.scheduler, self.card.schedule)
        made = self.pipe(
            **given,
            height=options.height,
            width=options.width,
            num_inference_steps=options.steps,
            guidance_scale=options.guidance,
            generator=list(generators),
            output_type="np",
            callback_on_step_end=stepped,
        ).images
        if not np.isfinite(made).all():
            raise DecodeError(
                self.card.name, "made numbers that are not finite", "use dtype float32 or bfloat16"
            )
        return [Media(IMAGE.name, (255 * one).round().astype(np.uint8)) for one in made]

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> what the model's own text encoders make of them."""
        return dict(zip(self._names, self._encode(list(captions)), strict=True))

    def denoising_loss(
        self,
        media: Sequence[Media],
        conditions: Mapping[str, Tensor],
        generators: Sequence[Generator],
    ) -> Tensor:
        """B pictures and {name: (B, T, D)} -> (B,), differentiable in the conditions."""
        height, width = self.options.height, self.options.width
        pixels = torch.stack([filled(medium, height=height, width=width) for medium in media])
        like = conditions["text"]
        with torch.no_grad():
            spread = self.vae.encode(pixels.to(like)).latent_dist
            drawn = draw(spread.mean.shape[1:], generators, spread.mean)
            latents = (spread.mean + spread.std * drawn) * self.vae.config.scaling_factor
            far = noised(latents, generators, self.card.schedule, self.options.min_snr)
        more = {}
        if self.card.two_texts:
            size = torch.tensor([[height, width, 0, 0, height, width]]).to(like)
            more = {
                "text_embeds": conditions["pooled"][:, 0],
                "time_ids": size.repeat(len(like), 1),
            }
        said = self.unet(
            far.latents, far.times, encoder_hidden_states=like, added_cond_kwargs=more
        ).sample
        return loss(said, far)

    @property
    def _names(self) -> tuple[str, ...]:
        return ("text", "pooled") if self.card.two_texts else ("text",)

    def _arguments(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        given = {f"{prefix}prompt_embeds": conditions["text"]}
        if self.card.two_texts:
            given[f"{prefix}pooled_prompt_embeds"] = conditions["pooled"][:, 0]
        return given

    def _negatives(self, said: str) -> tuple[Tensor, ...]:
        """What guidance leads away from, (1, T, D) each: computed once for each wording."""
        if said not in self.negatives:
            with torch.no_grad():
                found = self._encode([said])
            if self.card.two_texts and not said:  # as this family was trained
                found = tuple(torch.zeros_like(one) for one in found)
            if len(self.negatives) >= 16:
                self.negatives.clear()
            self.negatives[said] = found
        return self.negatives[said]

    def _encode(self, captions: list[str]) -> tuple[Tensor, ...]:
        if self.pipe.tokenizer is None:
            raise DecodeError(
                self.card.name, "has no tokenizer", "name its files `vocab` and `merges`"
            )
        device = self.unet.device
        if not self.card.two_texts:
            return (self.pipe.encode_prompt(captions, device, 1, False)[0],)
        found = self.pipe.encode_prompt(captions, device=device, do_classifier_free_guidance=False)
        return found[0], found[2][:, None]

    def _pipeline(self, words: Sequence[Any]) -> Any:
        """The pipeline around our parts; it owns none of them."""
        first, second = (*words, None, None)[:2]
        scheduler = sampler(self.options.scheduler, self.card.schedule)
        if self.card.two_texts:
            pipe = StableDiffusionXLPipeline(
                vae=self.vae,
                text_encoder=self.texts[0],
                text_encoder_2=self.texts[1],
                tokenizer=first,
                tokenizer_2=second,
                unet=self.unet,
                scheduler=scheduler,
                add_watermarker=False,
            )
        else:
            pipe = StableDiffusionPipeline(
                vae=self.vae,
                text_encoder=self.texts[0],
                tokenizer=first,
                unet=self.unet,
                scheduler=scheduler,
                safety_checker=None,
                feature_extractor=None,
                requires_safety_checker=False,
            )
        pipe.set_progress_bar_config(disable=True)
        return pipe


def _ids(words: Sequence[Any]) -> dict[str, int]:
    """Of a tiny tokenizer; the published ones have the config's own."""
    if not words:
        return {}
    return {
        "vocab_size": len(words[0]),
        "bos_token_id": words[0].bos_token_id,
        "eos_token_id": words[0].eos_token_id,
    }


Sd15 = partial(DiffusionDecoder, SD15)
Sd2 = partial(DiffusionDecoder, SD2)
SdxlTurbo = partial(DiffusionDecoder, SDXL_TURBO)
