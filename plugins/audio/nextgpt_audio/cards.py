"""The published latent diffusion models of sound, as the configs of their parts. Builds nothing.

Each number is that of the model's own files; a twin changes widths and depths, never what goes in
(one text state) or the factors between samples, mel bands and latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

RATE = 16_000
HOP = 160
"""Samples between two frames of the mel spectrum."""
MELS = 64


@dataclass(frozen=True)
class Card:
    """One model."""

    name: str
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text: Mapping[str, Any]
    vocoder: Mapping[str, Any]
    schedule: Mapping[str, Any]

    def narrow(self, width: int) -> Card:
        """The twin of this width."""
        blocks = (width,) * len(self.unet["block_out_channels"])
        unet = {
            "layers_per_block": 1,
            "block_out_channels": blocks,
            "cross_attention_dim": blocks,
            "norm_num_groups": 8,
            "attention_head_dim": 2,
        }
        vae = {"block_out_channels": (width,) * 3, "layers_per_block": 1, "norm_num_groups": 8}
        text = {
            "hidden_size": width,
            "intermediate_size": 2 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
        }
        return replace(
            self,
            unet={**self.unet, **unet},
            vae={**self.vae, **vae},
            text={**self.text, **text},
            vocoder={**self.vocoder, "upsample_initial_channel": 64},
        )


AUDIOLDM_L = Card(
    name="audioldm-l-full",
    unet={
        "sample_size": 128,
        "in_channels": 8,
        "out_channels": 8,
        "layers_per_block": 2,
        "down_block_types": ("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
        "up_block_types": (*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
        "block_out_channels": (256, 512, 768, 1280),
        "cross_attention_dim": (256, 512, 768, 1280),  # attends to itself: the text is a class
        "attention_head_dim": 8,
        "norm_num_groups": 32,
        "class_embed_type": "simple_projection",
        "projection_class_embeddings_input_dim": 512,
        "class_embeddings_concat": True,
    },
    vae={
        "in_channels": 1,
        "out_channels": 1,
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "block_out_channels": (128, 256, 512),
        "layers_per_block": 2,
        "latent_channels": 8,
        "norm_num_groups": 32,
        "sample_size": 512,
        "scaling_factor": 0.9227914214134216,
    },
    text={  # CLAP's RoBERTa
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "max_position_embeddings": 514,
        "projection_dim": 512,
    },
    vocoder={
        "model_in_dim": MELS,
        "sampling_rate": RATE,
        "upsample_initial_channel": 1024,
        "upsample_rates": [5, 4, 2, 2, 2],
        "upsample_kernel_sizes": [16, 16, 8, 4, 4],
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "normalize_before": False,
    },
    schedule={
        "beta_schedule": "scaled_linear",
        "beta_start": 0.0015,
        "beta_end": 0.0195,
        "num_train_timesteps": 1000,
        "prediction_type": "epsilon",
    },
)
