"""How families of language models differ: what they call their sizes, and what a block holds.

Knows configs as transformers writes them, and reads no file. transformers' own classes are the
truth (`attribute_map`, default values): a test holds these tables against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "width": ("hidden_size", "n_embd", "d_model", "emb_dim"),
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"),
    "vocabulary": ("vocab_size", "n_words", "n_token"),
    "context": (
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "max_sequence_length",
        "model_max_length",
        "context_length",
        "seq_length",
        "n_ctx",
    ),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"),
}
"""What a size is called in a config, the usual name first."""

_LISTED = ("layers_block_type", "layer_types")  # one entry for each layer
_ABSURD = 1 << 50  # no size of a model is this large
_PAIRED = {"longcat_flash"}  # whose `num_layers` are two of transformers' layers each

_TIED = frozenset(
    """
    bart bert bert-generation big_bird bigbird_pegasus biogpt blenderbot blenderbot-small bloom
    camembert cohere cohere2 cohere2_moe cohere_compass_text cpmant ctrl data2vec-text electra
    ernie ernie4_5 ernie4_5_moe falcon falcon_mamba gemma gemma2 gemma3 gemma3_text gemma3n
    gemma3n_text gemma4 gemma4_text gemma4_unified gemma4_unified_text got_ocr2 gpt-sw3 gpt2
    gpt_bigcode gpt_neo gpt_neox_japanese granite_swa jetmoe lara_mini lfm2 lfm2_moe lfm3 mamba
    marian mbart megatron-bert minicpm3 modernbert-decoder mpt mvp openai-gpt opt pegasus plbart
    prophetnet recurrent_gemma roberta roberta-prelayernorm roc_bert roformer smollm3 starcoder2
    trocr vaultgemma whisper xglm xlm xlm-roberta xlm-roberta-xl xlnet xmod youtu zamba zamba2
    zaya
    """.split()  # noqa: SIM905, one a line would be a page
)
"""Families that tie their embeddings where the config does not say."""


@dataclass(frozen=True)
class _Family:
    """What sets one family of decoder-only models apart from Llama."""

    qkv_bias: bool | None = None  # None: what the config's `attention_bias` says
    out_bias: bool | None = None
    norms: int = 2  # vectors of the model's width, for each layer
    head_norms: int = 0  # vectors of a head's width, for each layer


_FAMILIES = {
    "cohere": _Family(norms=1),
    "gemma": _Family(),
    "gemma2": _Family(norms=4),
    "gemma3_text": _Family(norms=4, head_norms=2),
    "granite": _Family(),
    "llama": _Family(),
    "mistral": _Family(qkv_bias=False, out_bias=False),
    "qwen2": _Family(qkv_bias=True, out_bias=False),
    "qwen3": _Family(head_norms=2),
    "smollm3": _Family(),
}

_OPTIONAL = ("intermediate_size", "n_inner", "num_key_value_heads", "head_dim")


def is_tied(*kinds: str) -> bool:
    """Whether any of these model types ties its embeddings unless told otherwise."""
    return not _TIED.isdisjoint(kinds)


def sizes_of(kind: str, config: Mapping[str, Any]) -> dict[str, int]:
    """The sizes that a config says, by the names in `SPELLINGS`; those it does not say are out."""
    found: dict[str, int] = {}
    for name, spellings in SPELLINGS.items():
        told = (whole(config.get(key)) for key in spellings)
        if (size := next(filter(None, told), None)) is not None:
            found[name] = size
    if "layers" not in found:
        lists = (config.get(key) for key in _LISTED)
        if layers := next((len(one) for one in lists if isinstance(one, list) and one), 0):
            found["layers"] = layers
    if kind in _PAIRED and whole(config.get("num_hidden_layers")) is None and "layers" in found:
        found["layers"] *= 2
    return found


def whole(value: Any) -> int | None:
    """A whole number above zero, or None for whatever else stands there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 < value < _ABSURD and value == int(value) else None


def linears_of(
    kind: str, config: Mapping[str, Any], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """The linear layers of one block: name -> (in, out); none of a family not known here."""
    width, heads = sizes.get("width", 0), sizes.get("heads", 0)
    if any(config.get(key) is not None and not whole(config[key]) for key in _OPTIONAL):
        return {}  # said, and no number: what it stands for is not known
    inner = whole(config.get("intermediate_size")) or whole(config.get("n_inner")) or 4 * width
    if not width or not heads:
        return {}
    if kind == "gpt_neox":
        return {
            "query_key_value": (width, 3 * width),
            "dense": (width, width),
            "dense_h_to_4h": (width, inner),
            "dense_4h_to_h": (inner, width),
        }
    if kind == "gpt2":
        return {
            "attn.c_attn": (width, 3 * width),
            "attn.c_proj": (width, width),
            "mlp.c_fc": (width, inner),
            "mlp.c_proj": (inner, width),
        }
    if kind not in _FAMILIES:
        return {}
    head = _head(config, width, heads)
    queries = heads * head
    keys = (whole(config.get("num_key_value_heads")) or heads) * head
    return {
        "q_proj": (width, queries),
        "k_proj": (width, keys),
        "v_proj": (width, keys),
        "o_proj": (queries, width),
        "gate_proj": (width, inner),
        "up_proj": (width, inner),
        "down_proj": (inner, width),
    }


def count_of(
    kind: str,
    config: Mapping[str, Any],
    sizes: Mapping[str, int],
    linears: Mapping[str, tuple[int, int]],
    *,
    tied: bool,
) -> int:
    """All parameters, of a family whose linear layers are known; 0 where a size is not said."""
    if not linears or not {"width", "layers", "vocabulary"} <= sizes.keys():
        return 0
    width, layers = sizes["width"], sizes["layers"]
    matrices = sum(rows * columns for rows, columns in linears.values())
    outputs = {name: columns for name, (_, columns) in linears.items()}
    rows = sizes["vocabulary"] * (1 if tied else 2)
    if kind == "gpt2" and "context" not in sizes:
        return 0
    if kind in ("gpt_neox", "gpt2"):
        biased = dict(outputs)
        if kind == "gpt_neox" and not config.get("attention_bias", True):
            del biased["query_key_value"], biased["dense"]
        positions = sizes["context"] if kind == "gpt2" else 0
        layer = matrices + sum(biased.values()) + 4 * width
        return layers * layer + (rows + positions + 2) * width
    family = _FAMILIES[kind]
    said = bool(config.get("attention_bias", False))
    layer = matrices + family.norms * width
    layer += family.head_norms * _head(config, width, sizes["heads"])
    if said if family.qkv_bias is None else family.qkv_bias:
        layer += outputs["q_proj"] + outputs["k_proj"] + outputs["v_proj"]
    if said if family.out_bias is None else family.out_bias:
        layer += width
    if config.get("mlp_bias"):
        layer += 2 * outputs["gate_proj"] + width
    return layers * layer + (rows + 1) * width


def _head(config: Mapping[str, Any], width: int, heads: int) -> int:
    return whole(config.get("head_dim")) or width // heads
