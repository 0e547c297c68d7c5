"""The published latent diffusion models, as the configs of their parts. Builds nothing.

Each number is that of the model's own files; a twin changes widths and depths, never what goes in
(the text states) or the factor between pixels and latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

_CROSS, _PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
_UP_CROSS, _UP_PLAIN = "CrossAttnUpBlock2D", "UpBlock2D"

_SCHEDULE = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
}
_VAE = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "norm_num_groups": 32,
}
_UNET = {
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "down_block_types": (_CROSS, _CROSS, _CROSS, _PLAIN),
    "up_block_types": (_UP_PLAIN, _UP_CROSS, _UP_CROSS, _UP_CROSS),
    "block_out_channels": (320, 640, 1280, 1280),
    "norm_num_groups": 32,
}
_TEXT_L = {  # CLIP ViT-L/14
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
}
_TEXT_H = {  # OpenCLIP ViT-H/14 without its last layer
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "hidden_act": "gelu",
    "projection_dim": 512,
}
_TEXT_G = {  # OpenCLIP ViT-bigG/14
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "hidden_act": "gelu",
    "projection_dim": 1280,
}
_END, _BANG = "<|endoftext|>", "!"


@dataclass(frozen=True)
class Card:
    """One model. `texts` and `pads` (what its tokenizer pads with) run in parallel."""

    name: str
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    texts: tuple[Mapping[str, Any], ...]
    pads: tuple[str, ...]
    schedule: Mapping[str, Any]

    @property
    def two_texts(self) -> bool:
        """Whether it is of the SDXL family: two text encoders, and a pooled state of the second."""
        return len(self.texts) == 2

    def narrow(self, width: int) -> Card:
        """The twin of this width."""
        blocks = len(self.unet["block_out_channels"])
        unet = {
            "sample_size": 8,
            "layers_per_block": 1,
            "block_out_channels": (width,) * blocks,
            "norm_num_groups": 8,
            "attention_head_dim": 2,
        }
        if self.two_texts:
            unet |= {
                "transformer_layers_per_block": 1,
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": self.texts[1]["projection_dim"] + 6 * 8,
            }
        vae = {"block_out_channels": (width,) * 4, "layers_per_block": 1, "norm_num_groups": 8}
        text = {"intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
        return replace(
            self,
            unet={**self.unet, **unet},
            vae={**self.vae, **vae},
            texts=tuple({**one, **text} for one in self.texts),
        )


SD15 = Card(
    name="sd15",
    unet={**_UNET, "sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    vae={**_VAE, "sample_size": 512, "scaling_factor": 0.18215},
    texts=(_TEXT_L,),
    pads=(_END,),
    schedule={**_SCHEDULE, "prediction_type": "epsilon"},
)

SD2 = Card(
    name="sd2",
    unet={
        **_UNET,
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    vae={**_VAE, "sample_size": 768, "scaling_factor": 0.18215},
    texts=(_TEXT_H,),
    pads=(_BANG,),
    schedule={**_SCHEDULE, "prediction_type": "v_prediction"},
)

SDXL_TURBO = Card(
    name="sdxl-turbo",
    unet={
        **_UNET,
        "sample_size": 64,
        "down_block_types": (_PLAIN, _CROSS, _CROSS),
        "up_block_types": (_UP_CROSS, _UP_CROSS, _UP_PLAIN),
        "block_out_channels": (320, 640, 1280),
        "transformer_layers_per_block": (1, 2, 10),
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
    vae={**_VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
    texts=(_TEXT_L, _TEXT_G),
    pads=(_END, _BANG),
    # Distilled to few steps, the first of which is from noise alone.
    schedule={**_SCHEDULE, "prediction_type": "epsilon", "timestep_spacing": "trailing"},
)
