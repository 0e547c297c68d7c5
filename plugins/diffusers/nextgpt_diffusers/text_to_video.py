"""ModelScope's text to video, and ZeroScope: a UNet that attends to CLIP's text states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Generator, Tensor

from nextgpt_diffusers.family import as_videos, default, sampled, videos
from nextgpt_diffusers.noise import Noised
from nextgpt_registry.media import Media

_RATE = 8.0


class TextToVideo:
    """`text` (B, T, D)."""

    denoiser = "unet"

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> the text encoder's last states."""
        return {"text": pipe.encode_prompt(list(captions), pipe.unet.device, 1, False)[0]}

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """The states of what is said, the empty text by default."""
        return self.encode(pipe, [said], options)

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """`prompt_embeds`."""
        return {f"{prefix}prompt_embeds": conditions["text"]}

    def shape(self, options: Any) -> dict[str, Any]:
        """Frames, height and width."""
        return {"num_frames": options.frames, "height": options.height, "width": options.width}

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B videos -> (B, C, F, H, W); the autoencoder sees each frame alone."""
        own = pipe.unet.config.sample_size
        pixels = videos(
            pipe,
            media,
            frames=options.frames or default(pipe, "num_frames"),
            height=options.height or own * pipe.vae_scale_factor,
            width=options.width or own * pipe.vae_scale_factor,
        ).to(pipe.vae.device, pipe.vae.dtype)
        spread = pipe.vae.encode(pixels.flatten(0, 1)).latent_dist
        spread.mean, spread.std = (
            found.unflatten(0, (len(media), -1)).transpose(1, 2)
            for found in (spread.mean, spread.std)
        )
        return sampled(spread, generators) * pipe.vae.config.scaling_factor

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, F, H, W)."""
        said: Tensor = pipe.unet(
            far.latents, far.times, encoder_hidden_states=conditions["text"]
        ).sample
        return said

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B videos."""
        return as_videos(made.frames, options.rate or _RATE)
