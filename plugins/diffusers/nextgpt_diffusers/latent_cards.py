"""The latent diffusion models of pictures, videos and sound that are known by name, as configs.

Each number of a full card is that of the model's own files; a twin changes widths and depths, never
what goes in (the text states) or the factors between pixels or samples and latents. Builds nothing.
"""

from __future__ import annotations

from typing import Any

from nextgpt_diffusers.cards import SCALED, Card

_CROSS, _PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
_UP_CROSS, _UP_PLAIN = "CrossAttnUpBlock2D", "UpBlock2D"

_SCHEDULE = {**SCALED, "steps_offset": 1}
_VAE = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "norm_num_groups": 32,
    "sample_size": 512,
    "scaling_factor": 0.18215,
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
_END, _BANG = {"pad_token": "<|endoftext|>"}, {"pad_token": "!"}

SD15: Card = {
    "unet": {**_UNET, "sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "vae": _VAE,
    "text_encoder": _TEXT_L,
    "tokenizer": _END,
    "scheduler": _SCHEDULE,
}

SD2: Card = {
    "unet": {
        **_UNET,
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    "vae": {**_VAE, "sample_size": 768},
    "text_encoder": _TEXT_H,
    "tokenizer": _BANG,
    "scheduler": {**_SCHEDULE, "prediction_type": "v_prediction"},
}

SDXL_TURBO: Card = {
    "unet": {
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
    "vae": {**_VAE, "sample_size": 1024, "scaling_factor": 0.13025, "force_upcast": True},
    "text_encoder": _TEXT_L,
    "text_encoder_2": _TEXT_G,
    "tokenizer": _END,
    "tokenizer_2": _BANG,
    # Distilled to few steps, the first of which is from noise alone.
    "scheduler": {**_SCHEDULE, "timestep_spacing": "trailing"},
}

ZEROSCOPE: Card = {
    "unet": {
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
    "vae": _VAE,
    "text_encoder": _TEXT_H,
    "tokenizer": _BANG,
    "scheduler": _SCHEDULE,
}

AUDIOLDM_L: Card = {
    "unet": {
        "sample_size": 128,
        "in_channels": 8,
        "out_channels": 8,
        "layers_per_block": 2,
        "down_block_types": (_PLAIN, *(_CROSS,) * 3),
        "up_block_types": (*(_UP_CROSS,) * 3, _UP_PLAIN),
        "block_out_channels": (256, 512, 768, 1280),
        "cross_attention_dim": (256, 512, 768, 1280),  # attends to itself: the text is a class
        "attention_head_dim": 8,
        "norm_num_groups": 32,
        "class_embed_type": "simple_projection",
        "projection_class_embeddings_input_dim": 512,
        "class_embeddings_concat": True,
    },
    "vae": {
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
    "text_encoder": {  # CLAP's RoBERTa
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "max_position_embeddings": 514,
        "projection_dim": 512,
    },
    "vocoder": {
        "model_in_dim": 64,
        "sampling_rate": 16_000,
        "upsample_initial_channel": 1024,
        "upsample_rates": [5, 4, 2, 2, 2],
        "upsample_kernel_sizes": [16, 16, 8, 4, 4],
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "normalize_before": False,
    },
    "scheduler": {**_SCHEDULE, "beta_start": 0.0015, "beta_end": 0.0195},
}


def narrow_stable_diffusion(card: Card, width: int) -> Card:
    """The twin of a Stable Diffusion, of one text encoder or two."""
    unet: dict[str, Any] = {**_narrow_unet(card, width), "sample_size": 8, "attention_head_dim": 2}
    if "text_encoder_2" in card:
        pooled = card["text_encoder_2"]["projection_dim"]
        unet |= {
            "transformer_layers_per_block": 1,
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": pooled + 6 * 8,
        }
    return _narrow(card, width, unet)


def narrow_text_to_video(card: Card, width: int) -> Card:
    """The twin of ZeroScope."""
    return _narrow(card, width, {**_narrow_unet(card, width), "attention_head_dim": 8})


def narrow_audioldm(card: Card, width: int) -> Card:
    """The twin of AudioLDM, whose text encoder is as narrow, and not what it says."""
    unet = _narrow_unet(card, width)
    blocks = unet["block_out_channels"]
    unet |= {"cross_attention_dim": blocks, "attention_head_dim": 2}
    thin = _narrow(card, width, unet)
    return {
        **thin,
        "text_encoder": {**thin["text_encoder"], "hidden_size": width, "num_attention_heads": 2},
        "vocoder": {**card["vocoder"], "upsample_initial_channel": 64},
    }


def _narrow_unet(card: Card, width: int) -> dict[str, Any]:
    blocks = (width,) * len(card["unet"]["block_out_channels"])
    return {"layers_per_block": 1, "block_out_channels": blocks, "norm_num_groups": 8}


def _narrow(card: Card, width: int, unet: dict[str, Any]) -> Card:
    blocks = (width,) * len(card["vae"]["block_out_channels"])
    text = {"intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
    return {
        **card,
        "unet": {**card["unet"], **unet},
        "vae": {
            **card["vae"],
            "block_out_channels": blocks,
            "layers_per_block": 1,
            "norm_num_groups": 8,
        },
        **{
            part: {**card[part], **text}
            for part in ("text_encoder", "text_encoder_2")
            if part in card
        },
    }
