"""Latent diffusion of films as a decoder, on diffusers' text-to-video pipeline built from configs.

Driven by text states `text` (B, 77, D) in place of a prompt.
Legend: B batch, F frames, T tokens, D width, C channels, H height, W width.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    TextToVideoSDPipeline,
    UNet3DConditionModel,
)
from torch import Generator, Tensor
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from nextgpt_registry.errors import DecodeError
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part
from nextgpt_registry.protocols import OnStep
from nextgpt_video.cards import ZEROSCOPE, Card
from nextgpt_video.frames import filled
from nextgpt_video.modality import VIDEO
from nextgpt_video.noise import draw, loss, noised
from nextgpt_video.options import DecoderOptions
from nextgpt_video.samplers import sampler
from nextgpt_video.words import published, tiny

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
    """Text states -> films; captions -> text states; films and text states -> a loss."""

    def __init__(self, card: Card, options: DecoderOptions) -> None:
        super().__init__()
        self.card = card.narrow(options.narrow) if options.narrow else card
        self.options = options
        self.unet = UNet3DConditionModel(**self.card.unet)
        self.vae = AutoencoderKL(**self.card.vae)
        self.vae.enable_slicing()  # frame by frame: all at once would need most of a GPU
        words = tiny(pad=card.pad) if options.narrow else None
        self.text = CLIPTextModel(CLIPTextConfig(**self.card.text, **_ids(words)))
        self.pipe = self._pipeline(words)
        self.negatives: dict[str, Tensor] = {}

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load the files that the declaration names, in diffusers' layout."""
        who = self.card.name
        if "unet" in paths:
            load_part(self.unet, paths["unet"], who=who)
        if "vae" in paths:
            load_part(self.vae, paths["vae"], who=who, spellings=_OLDER_VAE)
        if "text-encoder" in paths:
            load_part(self.text, paths["text-encoder"], who=who, prefixes=("text_model.",))
        if "vocab" in paths:
            self.pipe = self._pipeline(published(paths, pad=self.card.pad, who=who))
        self.negatives.clear()

    def batch_key(self, options: DecoderOptions) -> Hashable:
        """Films of one call share every option."""
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
        """{"text": (B, T, D)} -> B films; guidance is one call of twice the batch."""
        text = conditions["text"]
        away = None
        if options.guidance > 1:
            away = self._negative(options.negative).expand(len(text), -1, -1).to(text)

        def stepped(done: int, time: Any, latents: Any) -> None:
            on_step(done + 1, len(self.pipe.scheduler.timesteps))

        self.pipe.scheduler = sampler(options.scheduler, self.card.schedule)
        made = self.pipe(
            prompt_embeds=text,
            negative_prompt_embeds=away,
            num_frames=options.frames,
            height=options.height,
            width=options.width,
            num_inference_steps=options.steps,
            guidance_scale=options.guidance,
            generator=list(generators),
            output_type="np",
            callback=stepped,
        ).frames
        if not np.isfinite(made).all():
            raise DecodeError(
                self.card.name, "made numbers that are not finite", "use dtype float32 or bfloat16"
            )
        return [
            Media(VIDEO.name, (255 * one).round().astype(np.uint8), float(options.rate))
            for one in made
        ]

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> what the model's own text encoder makes of them."""
        return {"text": self._encode(list(captions))}

    def denoising_loss(
        self,
        media: Sequence[Media],
        conditions: Mapping[str, Tensor],
        generators: Sequence[Generator],
    ) -> Tensor:
        """B films and {"text": (B, T, D)} -> (B,), differentiable in the conditions."""
        shape = {name: getattr(self.options, name) for name in ("frames", "height", "width")}
        pixels = torch.stack([filled(medium, **shape) for medium in media])
        text = conditions["text"]
        with torch.no_grad():
            spread = self.vae.encode(pixels.flatten(0, 1).to(text)).latent_dist
            mean, std = (
                found.unflatten(0, (len(media), -1)).transpose(1, 2)  # (B, C, F, H, W)
                for found in (spread.mean, spread.std)
            )
            drawn = draw(mean.shape[1:], generators, mean)
            latents = (mean + std * drawn) * self.vae.config.scaling_factor
            far = noised(latents, generators, self.card.schedule, self.options.min_snr)
        said = self.unet(far.latents, far.times, encoder_hidden_states=text).sample
        return loss(said, far)

    def _negative(self, said: str) -> Tensor:
        """What guidance leads away from, (1, T, D): computed once for each wording."""
        if said not in self.negatives:
            if len(self.negatives) >= 16:
                self.negatives.clear()
            with torch.no_grad():
                self.negatives[said] = self._encode([said])
        return self.negatives[said]

    def _encode(self, captions: list[str]) -> Tensor:
        if self.pipe.tokenizer is None:
            raise DecodeError(
                self.card.name, "has no tokenizer", "name its files `vocab` and `merges`"
            )
        found = self.pipe.encode_prompt(captions, self.unet.device, 1, False)[0]
        assert isinstance(found, Tensor)
        return found

    def _pipeline(self, words: Any) -> Any:
        """The pipeline around our parts; it owns none of them."""
        scheduler = sampler(self.options.scheduler, self.card.schedule)
        with _unhurried():
            pipe = TextToVideoSDPipeline(
                vae=self.vae,
                text_encoder=self.text,
                tokenizer=words,
                unet=self.unet,
                scheduler=scheduler,
            )
        pipe.set_progress_bar_config(disable=True)
        return pipe


@contextmanager
def _unhurried() -> Iterator[None]:
    """Without diffusers' notice, at every construction, that this pipeline gets no new features."""
    log = logging.getLogger("diffusers.pipelines.pipeline_utils")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _ids(words: Any) -> dict[str, int]:
    """Of a tiny tokenizer; the published ones have the config's own."""
    if words is None:
        return {}
    return {
        "vocab_size": len(words),
        "bos_token_id": words.bos_token_id,
        "eos_token_id": words.eos_token_id,
    }


Zeroscope = partial(DiffusionDecoder, ZEROSCOPE)
