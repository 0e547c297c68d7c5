"""Wan 2.1: videos by a transformer that attends to UMT5's text states and predicts a flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from nextgpt_diffusers.family import as_videos, default, videos
from nextgpt_diffusers.noise import Noised
from nextgpt_diffusers.pipelines import WAN_TOKENS
from nextgpt_registry.media import Media

_READ = 512  # states that the denoiser was trained with: those of a text, then zeros
_RATE = 16.0


class Wan:
    """`text` (B, 128, D): the beginning of what the denoiser reads, followed by zeros."""

    denoiser = "transformer"
    caches = ("first-block", "sea", "taylorseer")

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> the text encoder's states, zeros behind the end of each."""
        found, _ = pipe.encode_prompt(
            list(captions),
            do_classifier_free_guidance=False,
            max_sequence_length=WAN_TOKENS,
            device=pipe.transformer.device,
        )
        return {"text": found}

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """The states of what is said, the empty text by default."""
        return self.encode(pipe, [said], options)

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """`prompt_embeds`."""
        return {f"{prefix}prompt_embeds": _longer(conditions["text"])}

    def shape(self, options: Any) -> dict[str, Any]:
        """Frames, height and width."""
        return {"num_frames": options.frames, "height": options.height, "width": options.width}

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B videos -> (B, C, F, H, W): the middle of what the autoencoder says, standardised."""
        pixels = videos(
            pipe,
            media,
            frames=options.frames or default(pipe, "num_frames"),
            height=options.height or default(pipe, "height"),
            width=options.width or default(pipe, "width"),
        ).transpose(1, 2)
        vae = pipe.vae
        mean = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()
        centre, scale = (
            torch.tensor(found).to(mean)[None, :, None, None, None]
            for found in (vae.config.latents_mean, vae.config.latents_std)
        )
        return (mean - centre) / scale

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, F, H, W)."""
        said: Tensor = pipe.transformer(
            far.latents, far.times, encoder_hidden_states=_longer(conditions["text"])
        ).sample
        return said

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B videos."""
        return as_videos(made.frames, options.rate or _RATE)


def _longer(text: Tensor) -> Tensor:
    return pad(text, (0, 0, 0, max(0, _READ - text.shape[1])))
