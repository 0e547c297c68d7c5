"""ModelScope's text to video, and ZeroScope: a UNet that attends to CLIP's text states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from nextgpt_diffusers.family import as_videos, default, sampled, videos
from nextgpt_diffusers.stable_diffusion import StableDiffusion
from nextgpt_registry.media import Media

_RATE = 8.0


class TextToVideo:
    """`text` (B, T, D)."""

    denoiser = "unet"
    encode, away, given, predict = (
        StableDiffusion.encode,
        StableDiffusion.away,
        StableDiffusion.given,
        StableDiffusion.predict,
    )

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

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B videos."""
        return as_videos(made.frames, options.rate or _RATE)
