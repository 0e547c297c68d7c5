"""PixArt Sigma: pictures by a transformer that attends to T5's text states under a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from nextgpt_diffusers.family import as_pictures, read, under
from nextgpt_diffusers.noise import Noised
from nextgpt_diffusers.stable_diffusion import StableDiffusion
from nextgpt_registry.media import Media


class PixArt:
    """`text` (B, T, D) and `mask` (B, T, 1): which states are read, those over a half.

    The mask is a condition like any other, so that a language model says how long its text is.
    The loss sees what a drawing sees: states as they are, each read or not.
    """

    denoiser = "transformer"
    away, latents = StableDiffusion.away, StableDiffusion.latents

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> both."""
        text, mask, *_ = pipe.encode_prompt(
            list(captions), do_classifier_free_guidance=False, device=pipe.transformer.device
        )
        return {"text": text, "mask": mask[..., None].to(text)}

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """`prompt_embeds` and `prompt_attention_mask`."""
        words = {"negative_prompt": None} if prefix else {}  # its call would take "" for a default
        return {
            **words,
            f"{prefix}prompt_embeds": conditions["text"],
            f"{prefix}prompt_attention_mask": read(conditions["mask"]),
        }

    def shape(self, options: Any) -> dict[str, Any]:
        """Height and width, exactly: not those of the nearest bin."""
        return {
            "height": options.height,
            "width": options.width,
            "use_resolution_binning": False,
        }

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, H, W); of a learned variance, which the loss is not of, nothing."""
        said: Tensor = pipe.transformer(
            far.latents,
            encoder_hidden_states=under(conditions["text"], conditions["mask"]),
            encoder_attention_mask=read(conditions["mask"]),
            timestep=far.times,
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            return_dict=False,
        )[0]
        return said[:, : far.latents.shape[1]]

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B pictures."""
        return as_pictures(made.images)
