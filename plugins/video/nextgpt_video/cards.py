"""The published latent diffusion models of films, as the configs of their parts. Builds nothing.

Each number is that of the model's own files; a twin changes widths and depths, never what goes in
(the text states) or the factor between pixels and latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Card:
    """One model. `pad` is what its tokenizer pads with."""

    name: str
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text: Mapping[str, Any]
    pad: str
    schedule: Mapping[str, Any]

    def narrow(self, width: int) -> Card:
        """The twin of this width."""
        unet = {
            "layers_per_block": 1,
            "block_out_channels": (width,) * len(self.unet["block_out_channels"]),
            "norm_num_groups": 8,
            "attention_head_dim": 8,
        }
        vae = {"block_out_channels": (width,) * 4, "layers_per_block": 1, "norm_num_groups": 8}
        text = {"intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
        return replace(
            self,
            unet={**self.unet, **unet},
            vae={**self.vae, **vae},
            text={**self.text, **text},
        )


ZEROSCOPE = Card(
    name="zeroscope",
    unet={
        "in_channels": 4,
        "out_channels": 4,
        "layers_per_block": 2,
        "down_block_types": (*("CrossAttnDownBlock3D",) * 3, "DownBlock3D"),
        "up_block_types": ("UpBlock3D", *("CrossAttnUpBlock3D",) * 3),
        "block_out_channels": (320, 640, 1280, 1280),
        "norm_num_groups": 32,
        "cross_attention_dim": 1024,
        "attention_head_dim": 64,
    },
    vae={
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": 4,
        "norm_num_groups": 32,
        "sample_size": 512,
        "scaling_factor": 0.18215,
    },
    text={  # OpenCLIP ViT-H/14 without its last layer
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 23,
        "num_attention_heads": 16,
        "hidden_act": "gelu",
        "projection_dim": 512,
    },
    pad="!",
    schedule={
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "num_train_timesteps": 1000,
        "prediction_type": "epsilon",
    },
)
