"""AudioLDM as a decoder of sound, on diffusers' own pipeline built from configs.

Driven by one text state `text` (B, 1, 512), CLAP's embedding of a caption, in place of a prompt;
it is brought to length one, as the pipeline's own are.
Legend: B batch, D width, F frames, M mel bands.
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
from diffusers import AudioLDMPipeline, AutoencoderKL, UNet2DConditionModel
from torch import Generator, Tensor
from torch.nn.functional import normalize
from transformers.models.clap.configuration_clap import ClapTextConfig
from transformers.models.clap.modeling_clap import ClapTextModelWithProjection
from transformers.models.speecht5.configuration_speecht5 import SpeechT5HifiGanConfig
from transformers.models.speecht5.modeling_speecht5 import SpeechT5HifiGan

from nextgpt_audio.cards import AUDIOLDM_L, RATE, Card
from nextgpt_audio.modality import AUDIO
from nextgpt_audio.noise import draw, loss, noised
from nextgpt_audio.options import DecoderOptions
from nextgpt_audio.samplers import sampler
from nextgpt_audio.spectrum import log_mel
from nextgpt_audio.words import published, tiny
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
    """A text state -> sound; captions -> text states; sound and text states -> a loss."""

    def __init__(self, card: Card, options: DecoderOptions) -> None:
        super().__init__()
        self.card = card.narrow(options.narrow) if options.narrow else card
        self.options = options
        self.unet = UNet2DConditionModel(**self.card.unet)
        self.vae = AutoencoderKL(**self.card.vae)
        words = tiny() if options.narrow else None
        size = {"vocab_size": len(words)} if words is not None else {}
        self.text = ClapTextModelWithProjection(ClapTextConfig(**self.card.text, **size))
        self.vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(**self.card.vocoder))
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
            constants = ("position_ids", "token_type_ids")
            load_part(self.text, paths["text-encoder"], who=who, constants=constants)
        if "vocoder" in paths:
            load_part(self.vocoder, paths["vocoder"], who=who)
        if "vocab" in paths:
            self.pipe = self._pipeline(published(paths, who=who))
        self.negatives.clear()

    def batch_key(self, options: DecoderOptions) -> Hashable:
        """Sounds of one call share every option."""
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
        """{"text": (B, 1, D)} -> B sounds; guidance is one call of twice the batch."""
        text = normalize(conditions["text"][:, 0], dim=-1)
        away = None
        if options.guidance > 1:
            away = self._negative(options.negative)[:, 0].expand(len(text), -1).to(text)

        def stepped(done: int, time: Any, latents: Any) -> None:
            on_step(done + 1, len(self.pipe.scheduler.timesteps))

        self.pipe.scheduler = sampler(options.scheduler, self.card.schedule)
        made = self.pipe(
            prompt_embeds=text,
            negative_prompt_embeds=away,
            audio_length_in_s=options.seconds,
            num_inference_steps=options.steps,
            guidance_scale=options.guidance,
            generator=list(generators),
            callback=stepped,
        ).audios
        if not np.isfinite(made).all():
            raise DecodeError(
                self.card.name, "made numbers that are not finite", "use dtype float32 or bfloat16"
            )
        return [Media(AUDIO.name, np.clip(one, -1, 1), float(RATE)) for one in made]

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> CLAP's embeddings of them, (B, 1, D), of length one."""
        return {"text": self._encode(list(captions))}

    def denoising_loss(
        self,
        media: Sequence[Media],
        conditions: Mapping[str, Tensor],
        generators: Sequence[Generator],
    ) -> Tensor:
        """B sounds and {"text": (B, 1, D)} -> (B,), differentiable in the conditions."""
        text = normalize(conditions["text"][:, 0], dim=-1)
        seconds, factor = self.options.seconds, self.pipe.vae_scale_factor
        mels_BFM = torch.stack([log_mel(m, seconds=seconds, frames_of=factor) for m in media])
        with torch.no_grad():
            spread = self.vae.encode(mels_BFM[:, None].to(text)).latent_dist
            drawn = draw(spread.mean.shape[1:], generators, spread.mean)
            latents = (spread.mean + spread.std * drawn) * self.vae.config.scaling_factor
            far = noised(latents, generators, self.card.schedule, self.options.min_snr)
        said = self.unet(
            far.latents, far.times, encoder_hidden_states=None, class_labels=text
        ).sample
        return loss(said, far)

    def _negative(self, said: str) -> Tensor:
        """What guidance leads away from, (1, 1, D): computed once for each wording."""
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
        found = self.pipe._encode_prompt(captions, self.unet.device, 1, False)
        assert isinstance(found, Tensor)
        return found[:, None]

    def _pipeline(self, words: Any) -> Any:
        """The pipeline around our parts; it owns none of them."""
        scheduler = sampler(self.options.scheduler, self.card.schedule)
        with _unhurried():
            pipe = AudioLDMPipeline(
                vae=self.vae,
                text_encoder=self.text,
                tokenizer=words,
                unet=self.unet,
                scheduler=scheduler,
                vocoder=self.vocoder,
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


AudioLdmLFull = partial(DiffusionDecoder, AUDIOLDM_L)
