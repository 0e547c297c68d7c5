"""FLUX.2 klein: pictures by a transformer that reads states of Qwen3 and patches side by side.

The helpers that are called here are the pipeline's own, those of its way from a picture to latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from torch import Generator, Tensor

from nextgpt_diffusers.family import as_pictures, default, pictures
from nextgpt_diffusers.noise import Noised
from nextgpt_diffusers.samplers import shift_of
from nextgpt_diffusers.stable_diffusion import StableDiffusion
from nextgpt_registry.media import Media


class Flux2Klein:
    """`text` (B, 512, 3 D): three layers' states side by side, of a text and what pads it."""

    denoiser = "transformer"
    caches = ("taylorseer",)
    away, given, shape = StableDiffusion.away, StableDiffusion.given, StableDiffusion.shape

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> the text encoder's states."""
        return {"text": pipe.encode_prompt(list(captions), pipe.transformer.device)[0]}

    def shift(self, pipe: Any, latents: Tensor, options: Any) -> float:
        """What its call moves times by, for as many patches and steps."""
        patches = latents.shape[2] * latents.shape[3]
        steps = options.steps or default(pipe, "num_inference_steps")
        return shift_of(pipe.scheduler, mu=compute_empirical_mu(patches, steps))

    def samplers(self, pipe: Any) -> tuple[str, ...]:
        """All that a flow has, or Euler's alone: the others know one way to be told a shift."""
        config = pipe.scheduler.config
        told = config.use_dynamic_shifting and config.time_shift_type == "exponential"
        return ("euler", "dpm++", "unipc") if told else ("euler",)

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B pictures -> (B, 4 C, H, W): patches of two by two, standardised."""
        own = pipe.default_sample_size * pipe.vae_scale_factor
        height, width = options.height or own, options.width or own
        pixels = pictures(pipe, media, height=height, width=width)
        found: Tensor = pipe._encode_vae_image(pixels.to(pipe.vae.device, pipe.vae.dtype), None)
        return found

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, 4 C, H, W)."""
        text = conditions["text"]
        said: Tensor = pipe.transformer(
            hidden_states=pipe._pack_latents(far.latents),
            timestep=far.times.to(text) / 1000,
            guidance=None,
            encoder_hidden_states=text,
            txt_ids=pipe._prepare_text_ids(text).to(text.device),
            img_ids=pipe._prepare_latent_ids(far.latents).to(text.device),
            return_dict=False,
        )[0]
        return said.transpose(1, 2).unflatten(2, far.latents.shape[2:])

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B pictures."""
        return as_pictures(made.images)
