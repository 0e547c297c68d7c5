"""The models whose text encoder is a Qwen3, as the configs of their parts. Builds nothing.

What is said of full cards and twins in `cards` is true here.
"""

from __future__ import annotations

from typing import Any

from nextgpt_diffusers.cards import Card

FLUX2_LAYERS = 28
"""How many layers of its text encoder FLUX.2 klein needs: it reads what the 27th makes."""

FLUX2_KLEIN: Card = {  # FLUX.2 [klein] 4B
    "pipeline": {"is_distilled": True},
    "transformer": {
        "patch_size": 1,
        "in_channels": 128,
        "num_layers": 5,
        "num_single_layers": 20,
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "joint_attention_dim": 7680,
        "timestep_guidance_channels": 256,
        "mlp_ratio": 3.0,
        "axes_dims_rope": (32, 32, 32, 32),
        "rope_theta": 2000,
        "eps": 1e-6,
        "guidance_embeds": False,
    },
    "vae": {
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": 32,
        "norm_num_groups": 32,
    },
    "text_encoder": {  # Qwen3-4B
        "vocab_size": 151_936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40_960,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        "tie_word_embeddings": True,
    },
    "scheduler": {
        "num_train_timesteps": 1000,
        "shift": 3.0,
        "use_dynamic_shifting": True,
        "time_shift_type": "exponential",
    },
}

ACE_STEP: Card = {  # ACE-Step 1.5 turbo
    "transformer": {
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "in_channels": 192,
        "audio_acoustic_hidden_dim": 64,
        "patch_size": 2,
        "rope_theta": 1_000_000.0,
        "sliding_window": 128,
        "is_turbo": True,
        "model_version": "turbo",
    },
    "condition_encoder": {
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "text_hidden_dim": 1024,
        "timbre_hidden_dim": 64,
        "num_lyric_encoder_hidden_layers": 8,
        "num_timbre_encoder_hidden_layers": 4,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rope_theta": 1_000_000.0,
        "sliding_window": 128,
    },
    "vae": {
        "encoder_hidden_size": 128,
        "downsampling_ratios": [2, 4, 4, 6, 10],
        "channel_multiples": [1, 2, 4, 8, 16],
        "decoder_channels": 128,
        "decoder_input_channels": 64,
        "audio_channels": 2,
        "sampling_rate": 48_000,
    },
    "text_encoder": {  # Qwen3-Embedding-0.6B
        "vocab_size": 151_669,
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 32_768,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    },
    "scheduler": {"num_train_timesteps": 1, "shift": 1.0},
}


def narrow_flux2_klein(width: int) -> Card:
    """The twin of FLUX.2 klein."""
    return {
        **FLUX2_KLEIN,
        "transformer": {
            **FLUX2_KLEIN["transformer"],
            "in_channels": 16,
            "num_layers": 1,
            "num_single_layers": 1,
            "attention_head_dim": 8,
            "num_attention_heads": 2,
            "timestep_guidance_channels": width,
            "axes_dims_rope": (2, 2, 2, 2),
        },
        "vae": {
            **FLUX2_KLEIN["vae"],
            "block_out_channels": (width,) * 4,
            "layers_per_block": 1,
            "latent_channels": 4,
            "norm_num_groups": 8,
        },
        "text_encoder": {
            **FLUX2_KLEIN["text_encoder"],
            **_narrow_qwen(width),
            "num_hidden_layers": FLUX2_LAYERS,
        },
    }


def narrow_ace_step(width: int) -> Card:
    """The twin of ACE-Step 1.5 turbo."""
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
    thin = {"hidden_size": width, "intermediate_size": width, **heads}
    return {
        **ACE_STEP,
        "transformer": {
            **ACE_STEP["transformer"],
            **thin,
            "num_hidden_layers": 2,  # one that looks around it, one that sees all
            "in_channels": 24,
            "audio_acoustic_hidden_dim": 8,
        },
        "condition_encoder": {
            **ACE_STEP["condition_encoder"],
            **thin,
            "timbre_hidden_dim": 8,
            "num_lyric_encoder_hidden_layers": 1,
            "num_timbre_encoder_hidden_layers": 1,
        },
        "vae": {
            **ACE_STEP["vae"],
            "encoder_hidden_size": 16,  # a mean and a deviation for each channel of the latents
            "decoder_input_channels": 8,
            "channel_multiples": [1, 1, 1, 1, 1],
            "decoder_channels": width,
        },
        "text_encoder": {**ACE_STEP["text_encoder"], **_narrow_qwen(width)},
    }


def _narrow_qwen(width: int) -> dict[str, Any]:
    return {
        "intermediate_size": width // 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 4,
    }
