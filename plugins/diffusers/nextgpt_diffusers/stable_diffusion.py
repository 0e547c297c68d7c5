"""Stable Diffusion 1, 2 and XL: pictures by a UNet that attends to CLIP's text states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from nextgpt_diffusers.family import as_pictures, pictures, sampled
from nextgpt_diffusers.noise import Noised
from nextgpt_registry.media import Media

_FLAGGED = {"safety": "flagged by the pipeline's safety checker, which made it black"}


class StableDiffusion:
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
        """Height and width."""
        return {"height": options.height, "width": options.width}

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B pictures -> (B, C, H, W)."""
        height, width = size(pipe, self.denoiser, options)
        pixels = pictures(pipe, media, height=height, width=width).to(pipe.vae.device)
        spread = pipe.vae.encode(pixels.to(pipe.vae.dtype)).latent_dist
        return sampled(spread, generators) * pipe.vae.config.scaling_factor

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, H, W)."""
        said: Tensor = pipe.unet(
            far.latents, far.times, encoder_hidden_states=conditions["text"]
        ).sample
        return said

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B pictures; one that the safety checker made black says so."""
        found = as_pictures(made.images)
        flagged = getattr(made, "nsfw_content_detected", None) or [False] * len(found)
        return [
            replace(one, about=_FLAGGED) if is_flagged else one
            for one, is_flagged in zip(found, flagged, strict=True)
        ]


class StableDiffusionXl:
    """`text` (B, T, D) of two encoders, side by side, and `pooled` (B, 1, D) of the second."""

    denoiser = "unet"
    shape, media = StableDiffusion.shape, StableDiffusion.media

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> both."""
        found = pipe.encode_prompt(
            list(captions), None, pipe.unet.device, do_classifier_free_guidance=False
        )
        return {"text": found[0], "pooled": found[2][:, None]}

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """The states of what is said; zeros for nothing, where the model was trained so."""
        found = self.encode(pipe, [said], options)
        if said or not pipe.config.force_zeros_for_empty_prompt:
            return found
        return {name: torch.zeros_like(value) for name, value in found.items()}

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """`prompt_embeds` and `pooled_prompt_embeds`."""
        return {
            f"{prefix}prompt_embeds": conditions["text"],
            f"{prefix}pooled_prompt_embeds": conditions["pooled"][:, 0],
        }

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B pictures -> (B, C, H, W), standardised where the autoencoder says by what.

        Of these pipelines that of XL alone reads `latents_mean` and `latents_std`.
        """
        found = StableDiffusion().latents(pipe, media, options, generators)
        config = pipe.vae.config
        if config.latents_mean is None or config.latents_std is None:
            return found
        centre, scale = (
            torch.tensor(one).to(found)[None, :, None, None]
            for one in (config.latents_mean, config.latents_std)
        )
        return (found - centre * config.scaling_factor) / scale

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, H, W); the picture is said to be whole, of the size that it has."""
        text = conditions["text"]
        height, width = size(pipe, self.denoiser, options)
        whole = torch.tensor([[height, width, 0, 0, height, width]]).to(text)
        more = {"text_embeds": conditions["pooled"][:, 0], "time_ids": whole.repeat(len(text), 1)}
        said: Tensor = pipe.unet(
            far.latents, far.times, encoder_hidden_states=text, added_cond_kwargs=more
        ).sample
        return said


def size(pipe: Any, denoiser: str, options: Any) -> tuple[int, int]:
    """Height and width in pixels: of the options, or what the denoiser was trained on."""
    own = getattr(pipe, denoiser).config.sample_size * pipe.vae_scale_factor
    return options.height or own, options.width or own
