"""The models that are known by name, and the twins, as the configs of their parts. Builds nothing.

Each number of a full card is that of the model's own files; a twin changes widths and depths, never
what goes in (the text states) or the factors between pixels or samples and latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Card = Mapping[str, Mapping[str, Any]]
"""The config of each part, by the part's name in the pipeline."""

SCALED = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
}

WAN21: Card = {  # Wan 2.1 T2V 1.3B
    "transformer": {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 12,
        "attention_head_dim": 128,
        "in_channels": 16,
        "out_channels": 16,
        "text_dim": 4096,
        "freq_dim": 256,
        "ffn_dim": 8960,
        "num_layers": 30,
        "cross_attn_norm": True,
        "qk_norm": "rms_norm_across_heads",
        "eps": 1e-6,
        "rope_max_seq_len": 1024,
    },
    "vae": {"base_dim": 96, "z_dim": 16, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2},
    "text_encoder": {  # UMT5-XXL
        "vocab_size": 256_384,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10_240,
        "num_layers": 24,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
    },
    "scheduler": {
        "num_train_timesteps": 1000,
        "prediction_type": "flow_prediction",
        "use_flow_sigmas": True,
        "flow_shift": 3.0,
    },
}

STABLE_AUDIO: Card = {  # Stable Audio Open 1.0
    "transformer": {
        "sample_size": 1024,
        "in_channels": 64,
        "out_channels": 64,
        "num_layers": 24,
        "attention_head_dim": 64,
        "num_attention_heads": 24,
        "num_key_value_attention_heads": 12,
        "cross_attention_dim": 768,
        "time_proj_dim": 256,
        "global_states_input_dim": 1536,
        "cross_attention_input_dim": 768,
    },
    "vae": {
        "encoder_hidden_size": 128,
        "downsampling_ratios": [2, 4, 4, 8, 8],
        "channel_multiples": [1, 2, 4, 8, 16],
        "decoder_channels": 128,
        "decoder_input_channels": 64,
        "audio_channels": 2,
        "sampling_rate": 44_100,
    },
    "text_encoder": {  # T5 base
        "vocab_size": 32_128,
        "d_model": 768,
        "d_kv": 64,
        "d_ff": 3072,
        "num_layers": 12,
        "num_heads": 12,
        "feed_forward_proj": "relu",
    },
    "projection_model": {
        "text_encoder_dim": 768,
        "conditioning_dim": 768,
        "min_value": 0,
        "max_value": 512,
    },
    "scheduler": {
        "sigma_min": 0.3,
        "sigma_max": 500,
        "sigma_data": 1.0,
        "sigma_schedule": "exponential",
        "num_train_timesteps": 1000,
        "prediction_type": "v_prediction",
    },
}


def narrow_wan(width: int) -> Card:
    """The twin of Wan 2.1."""
    return {
        **WAN21,
        "transformer": {
            **WAN21["transformer"],
            "num_attention_heads": 2,
            "attention_head_dim": 12,  # three axes share it, each an even number of it
            "freq_dim": width,
            "ffn_dim": width,
            "num_layers": 1,
            "rope_max_seq_len": 32,
        },
        "vae": {**WAN21["vae"], "base_dim": 8, "num_res_blocks": 1},
        "text_encoder": {**WAN21["text_encoder"], **_narrow_t5(width)},
    }


def narrow_stable_audio(width: int) -> Card:
    """The twin of Stable Audio Open: of 0.7 seconds at most."""
    return {
        **STABLE_AUDIO,
        "transformer": {
            **STABLE_AUDIO["transformer"],
            "sample_size": 16,
            "in_channels": 8,
            "out_channels": 8,
            "num_layers": 1,
            "attention_head_dim": width // 2,
            "num_attention_heads": 2,
            "num_key_value_attention_heads": 1,
            "cross_attention_dim": width // 2,
            "time_proj_dim": width,
        },
        "vae": {
            **STABLE_AUDIO["vae"],
            "encoder_hidden_size": 16,  # a mean and a deviation for each channel of the latents
            "decoder_input_channels": 8,
            "channel_multiples": [1, 1, 1, 1, 1],
            "decoder_channels": width,
        },
        "text_encoder": {**STABLE_AUDIO["text_encoder"], **_narrow_t5(width)},
    }


def narrow_stable_diffusion_xl(width: int) -> Card:
    """A pipeline of the SDXL family this wide; its text states are 32, the pooled one 16."""
    text = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
    }
    return {
        "unet": {
            "sample_size": 8,
            "in_channels": 4,
            "out_channels": 4,
            "layers_per_block": 1,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "block_out_channels": (width, width),
            "norm_num_groups": 8,
            "attention_head_dim": 2,
            "cross_attention_dim": 32,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 16 + 6 * 8,
        },
        "vae": {
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
            "block_out_channels": (width,) * 4,
            "layers_per_block": 1,
            "latent_channels": 4,
            "norm_num_groups": 8,
            "sample_size": 64,
            "scaling_factor": 0.13025,
        },
        "text_encoder": text,
        "text_encoder_2": text,
        "scheduler": SCALED,
    }


def _narrow_t5(width: int) -> dict[str, int]:
    return {"d_kv": 8, "d_ff": width, "num_layers": 1, "num_heads": 2}
