"""Stable Audio: sound by a transformer that attends to T5's text states and to a length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from torch import Generator, Tensor

from nextgpt_diffusers.family import sampled
from nextgpt_diffusers.noise import Noised
from nextgpt_diffusers.waves import mixed, waves
from nextgpt_registry.media import Media


class StableAudio:
    """`text` (B, T, D), zeros behind the end of a text; the seconds come from the options."""

    denoiser = "transformer"

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> the text encoder's states."""
        device = pipe.transformer.device
        found = pipe.tokenizer(
            list(captions),
            padding="max_length",
            max_length=pipe.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).to(device)
        states = pipe.text_encoder(found.input_ids, attention_mask=found.attention_mask)[0]
        return {"text": states * found.attention_mask[..., None].to(states)}

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """The states of what is said; for nothing the pipeline's zeros, the length's with them."""
        return self.encode(pipe, [said], options) if said else None

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """`prompt_embeds`, and the mask of those that are there."""
        text = conditions["text"]
        return {f"{prefix}prompt_embeds": text, f"{prefix}attention_mask": _there(text)}

    def shape(self, options: Any) -> dict[str, Any]:
        """Where the sound ends."""
        return {"audio_end_in_s": options.seconds}

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B sounds -> (B, C, N): each from its start, silence behind it up to the full length."""
        vae = pipe.vae
        rate, channels = vae.config.sampling_rate, vae.config.audio_channels
        whole = pipe.transformer.config.sample_size * vae.hop_length
        heard = waves(
            media, rate=rate, channels=channels, samples=int(options.seconds * rate), whole=whole
        )
        return sampled(vae.encode(heard.to(vae.device, vae.dtype)).latent_dist, generators)

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, N)."""
        text = conditions["text"]
        read = pipe.projection_model(text_hidden_states=text).text_hidden_states
        read = read * _there(text)[..., None]
        start, end = pipe.encode_duration(0.0, options.seconds, text.device, False, len(text))
        start, end = start.to(text), end.to(text)
        length = torch.cat((start, end), dim=2)
        places = get_1d_rotary_pos_embed(
            pipe.rotary_embed_dim,
            far.latents.shape[2] + length.shape[1],
            use_real=True,
            repeat_interleave_real=False,
        )
        said: Tensor = pipe.transformer(
            far.latents,
            far.times.to(text),
            encoder_hidden_states=torch.cat((read, start, end), dim=1),
            global_hidden_states=length,
            rotary_embedding=places,
            return_dict=False,
        )[0]
        return said

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B sounds, their channels mixed to one."""
        return mixed(made.audios, pipe.vae.config.sampling_rate)


def _there(text: Tensor) -> Tensor:
    """(B, T, D) -> (B, T): one where there is a state, zero where there are only zeros."""
    return (text != 0).any(dim=-1).to(text.dtype)
