"""Tiny folders of real families: each family's own config class with small numbers.

A size is given wherever the class takes one of its names; `OWN` is what a family wants besides.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

MakeFolder = Callable[..., Path]

LAYERS = 4

SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim", "embedding_size", "emb_dim"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "dff", "ffn_hidden_size", "n_inner"), 64),
    **dict.fromkeys(("decoder_ffn_dim", "encoder_ffn_dim", "mlp_dim", "ffn_dim"), 64),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), LAYERS),
    **dict.fromkeys(("decoder_layers", "encoder_layers", "num_decoder_layers"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_global_key_value_heads"), 2),
    **dict.fromkeys(("head_dim", "attention_head_dim", "swa_head_dim", "global_head_dim"), 8),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"), 512),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("expert_ffn_hidden_size", "shared_intermediate_size"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_topk", "moe_k", "top_k_experts"), 2),
    **dict.fromkeys(("n_group", "topk_group", "num_expert_group"), 1),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "o_lora_rank"), 16),
    **dict.fromkeys(("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), 8),
    **dict.fromkeys(("mamba_n_heads", "mamba_num_heads"), 8),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim"), 8),
    **dict.fromkeys(("mamba_d_state", "ssm_state_size", "state_size"), 8),
    **dict.fromkeys(("linear_num_key_heads", "linear_num_value_heads"), 2),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), 8),
    "first_k_dense_replace": 1,
    "num_dense_layers": 1,
    "sliding_window": 6,
    "attention_chunk_size": 6,
    "mamba_n_groups": 1,
    "n_groups": 1,
    "mamba_dt_rank": 4,
    "lru_width": 32,
    "attention_window_size": 6,
    "index_n_heads": 32,  # few have ties, which fall as they like
    "index_head_dim": 16,
    "index_topk": 6,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}

MLA = {"num_key_value_heads": 4}
MIXED = {"layer_types": ["linear_attention", "full_attention"] * 2}
SLIDING = {"layer_types": ["sliding_attention", "full_attention"] * 2}
PER_LAYER = {
    "hidden_size_per_layer_input": 8,
    "vocab_size_per_layer_input": 320,
    "num_kv_shared_layers": 2,
    **SLIDING,
}
BERTS = (
    *("bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie"),
    *("megatron-bert", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer"),
    *("xlm-roberta", "xlm-roberta-xl"),
)
DECODER = {"is_decoder": True}
OWN: dict[str, dict[str, Any]] = {
    **dict.fromkeys(BERTS, DECODER),
    **dict.fromkeys(("axk1", "axk2", "deepseek_v2", "deepseek_v3", "deepseek_v32"), MLA),
    **dict.fromkeys(("glm4_moe_lite", "glm_moe_dsa", "minicpm3", "youtu", "longcat_flash"), MLA),
    "bailing_hybrid": MIXED | MLA,
    "bamba": {"attn_layer_indices": [1, 3]},
    "codegen": {"rotary_dim": 4},
    "cohere_compass_text": {
        **SLIDING,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 1e4}
            for kind in ("sliding_attention", "full_attention")
        },
    },
    "cpmant": {
        "prompt_types": 2,
        "prompt_length": 2,
        "segment_types": 2,
        "dim_head": 8,
        "dim_ff": 64,
    },
    "dots1": MLA | {"n_shared_experts": 1},
    "dots3_note_text": MLA | {"shared_experts_intermediate_size": 16, "index_head_dim": 16},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_expand": 2},
    **dict.fromkeys(("gemma3_text", "kolibri1"), SLIDING),
    "gemma3n_text": PER_LAYER | {"laurel_rank": 4, "altup_num_inputs": 2},
    "gemma4_text": PER_LAYER,
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "window_size": 6},
    "gptj": {"rotary_dim": 4},
    "granitemoehybrid": MIXED,
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2},
    "kimi_linear": MIXED
    | MLA
    | {"linear_attn_config": {"short_conv_kernel_size": 4, "head_dim": 8, "num_heads": 4}},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1},
    "minimax": MIXED,
    "qwen3_5_text": MIXED,
    "qwen3_5_moe_text": MIXED,
    "qwen3_next": MIXED,
    "qwen4_exp_text": {
        "layer_types": ["linear_attention", "indexed_attention"] * 2,
        **{"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 16},
        **{"indexer_budget": 6, "indexer_compress_ratio": 1, "hc_lowrank": 8},
    },
    "recurrent_gemma": {"block_types": ["recurrent", "attention"]},
    "reformer": {"is_decoder": True, "axial_pos_embds_dim": (16, 16), "axial_pos_shape": (4, 4)},
    "xmod": {"is_decoder": True, "default_language": "en_XX", "languages": ["en_XX"]},
    "zamba": {"layer_types": ["linear_attention", "linear_attention", "hybrid", "hybrid"]},
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"] * 2, "n_mamba_heads": 8},
    "zaya": {"num_experts_per_tok": 1},
}


@pytest.fixture
def make_folder(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> MakeFolder:
    """`make_folder("llama")`: a folder with a tiny model of a family and a tokenizer."""

    def make(family: str, **own: Any) -> Path:
        tiny_model(family, len(tokenizer) + 4, **own).save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path

    return make


def tiny_model(family: str, rows: int, **own: Any) -> PreTrainedModel:
    config = tiny_config(CONFIG_MAPPING[family], rows, **{**OWN.get(family, {}), **own})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.ndim > 1 and "norm" not in name:
                    parameter.normal_(std=0.2)  # large enough that layers and positions matter
                else:
                    parameter.add_(0.1 * torch.randn_like(parameter))  # some start at zero
    return model


def tiny_config(made: type[PreTrainedConfig], rows: int, **own: Any) -> PreTrainedConfig:
    fields = {f.name for f in dataclasses.fields(made)} if dataclasses.is_dataclass(made) else set()
    fields |= set(inspect.signature(made).parameters)
    sizes = {"vocab_size": rows, **SIZES}
    parts = {}
    for name in made.sub_configs if "text_config" in fields else ():
        part = type(getattr(made(), name))
        if not issubclass(part, PreTrainedConfig):
            continue  # a tower that it need not have
        parts[name] = tiny_config(part, rows, **OWN.get(part.model_type, {})).to_dict()
    return made(**{name: value for name, value in sizes.items() if name in fields} | parts | own)
