"""The sizes of a language model from its `config.json`. Reads no weights and imports no torch.

The table below knows how the families differ; a family it does not know is counted from the
headers of the safetensors files beside the config, or its facts are given in the system's config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nextgpt_registry.config import LLMFacts, Lora
from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.explain import lines
from nextgpt_registry.headers import read_header


@dataclass(frozen=True)
class _Family:
    """What sets one family of decoder-only models apart from Llama."""

    tied: bool = False
    qkv_bias: bool | None = None  # None: what the config's `attention_bias` says
    out_bias: bool | None = None
    norms: int = 2  # vectors of the model's width, for each layer
    head_norms: int = 0  # vectors of a head's width, for each layer


_FAMILIES = {
    "cohere": _Family(tied=True, norms=1),
    "gemma": _Family(tied=True),
    "gemma2": _Family(tied=True, norms=4),
    "gemma3_text": _Family(tied=True, norms=4, head_norms=2),
    "granite": _Family(),
    "llama": _Family(),
    "mistral": _Family(qkv_bias=False, out_bias=False),
    "qwen2": _Family(qkv_bias=True, out_bias=False),
    "qwen3": _Family(head_norms=2),
    "smollm3": _Family(tied=True),
}
_TIED = {"gemma3", "gpt2"}


def read_facts(folder: Path) -> LLMFacts:
    """The facts of the model in a folder, from its config and, if there are any, its weights.

    Raises:
        ConfigError: there is no config.json, or it does not say enough.
    """
    path = folder / "config.json"
    config = read_json(path, fix="give `llm.facts`")
    headers = [read_header(p) for p in sorted(folder.glob("*.safetensors"))]
    counted = sum(tensor.size for header in headers for tensor in header.values())
    return facts_of(config, who=str(path), counted=counted)


def facts_of(config: Mapping[str, Any], *, who: str = "config.json", counted: int = 0) -> LLMFacts:
    """The facts a parsed `config.json` implies; `counted` parameters were seen in the weights.

    Raises:
        ConfigError: it does not say enough.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(who, f"holds a {type(config).__name__}", "give `llm.facts`")
    family = str(config.get("model_type", ""))
    text = config.get("text_config")
    inner = {**config, **text} if isinstance(text, Mapping) else config
    kind = str(inner.get("model_type", family))
    tied = bool(inner.get("tie_word_embeddings", _is_tied(kind) or _is_tied(family)))
    try:
        sizes = _sizes(inner)
        linears = _linears(kind, inner, sizes)
        parameters = counted or _count(kind, inner, sizes, linears, tied=tied)
    except KeyError as error:
        raise ConfigError(
            who, f"does not say {error.args[0]!r} of a {family!r} model", "give `llm.facts`"
        ) from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(who, f"a size cannot be read: {error}", "give `llm.facts`") from error
    try:
        return LLMFacts(
            family=family,
            parameters=parameters,
            width=sizes.width,
            layers=sizes.layers,
            vocabulary=sizes.vocabulary,
            tied=tied,
            context=sizes.context,
            linears=linears,
        )
    except ValidationError as error:
        told = lines(error, LLMFacts)
        raise ConfigError(who, f"a size cannot be:{told}", "give `llm.facts`") from error


def lora_parameters(facts: LLMFacts, lora: Lora) -> int:
    """r (in + out) for each adapted linear layer; 0 where the facts name no linear layers."""
    return facts.layers * sum(
        lora.r * (rows + columns)
        for name, (rows, columns) in facts.linears.items()
        if any(_adapts(target, name) for target in lora.targets)
    )


def unknown_targets(facts: LLMFacts, lora: Lora) -> tuple[str, ...]:
    """LoRA targets that name no linear layer of the model; none where the facts name no layers."""
    if not facts.linears:
        return ()
    return tuple(t for t in lora.targets if not any(_adapts(t, name) for name in facts.linears))


def signal_parameters(facts: LLMFacts, signals: int) -> int:
    """The rows of the signal tokens: what they are read as, and what they are written for."""
    return 2 * signals * facts.width


@dataclass(frozen=True)
class _Sizes:
    width: int
    layers: int
    vocabulary: int
    context: int
    inner: int
    heads: int


def _sizes(config: Mapping[str, Any]) -> _Sizes:
    def first(*keys: str) -> int:
        for key in keys:
            if config.get(key) is not None:
                return int(config[key])
        raise KeyError(keys[0])

    width = first("hidden_size", "n_embd")
    return _Sizes(
        width=width,
        layers=first("num_hidden_layers", "n_layer"),
        vocabulary=first("vocab_size"),
        context=first("max_position_embeddings", "n_positions", "seq_length"),
        inner=int(config.get("intermediate_size") or config.get("n_inner") or 4 * width),
        heads=first("num_attention_heads", "n_head"),
    )


def _linears(kind: str, config: Mapping[str, Any], sizes: _Sizes) -> dict[str, tuple[int, int]]:
    """The linear layers of one block: name -> (in, out)."""
    width, inner = sizes.width, sizes.inner
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
    head = int(config.get("head_dim") or width // sizes.heads)
    queries = sizes.heads * head
    keys = int(config.get("num_key_value_heads") or sizes.heads) * head
    return {
        "q_proj": (width, queries),
        "k_proj": (width, keys),
        "v_proj": (width, keys),
        "o_proj": (queries, width),
        "gate_proj": (width, inner),
        "up_proj": (width, inner),
        "down_proj": (inner, width),
    }


def _count(
    kind: str,
    config: Mapping[str, Any],
    sizes: _Sizes,
    linears: Mapping[str, tuple[int, int]],
    *,
    tied: bool,
) -> int:
    if not linears:
        raise KeyError("num_parameters")
    width = sizes.width
    matrices = sum(rows * columns for rows, columns in linears.values())
    outputs = {name: columns for name, (_, columns) in linears.items()}
    rows = sizes.vocabulary * (1 if tied else 2)
    if kind in ("gpt_neox", "gpt2"):
        biased = dict(outputs)
        if kind == "gpt_neox" and not config.get("attention_bias", True):
            del biased["query_key_value"], biased["dense"]
        positions = sizes.context if kind == "gpt2" else 0
        layer = matrices + sum(biased.values()) + 4 * width
        return sizes.layers * layer + (rows + positions + 2) * width
    family = _FAMILIES[kind]
    said = bool(config.get("attention_bias", False))
    head = int(config.get("head_dim") or width // sizes.heads)
    layer = matrices + family.norms * width + family.head_norms * head
    if said if family.qkv_bias is None else family.qkv_bias:
        layer += outputs["q_proj"] + outputs["k_proj"] + outputs["v_proj"]
    if said if family.out_bias is None else family.out_bias:
        layer += width
    if config.get("mlp_bias"):
        layer += 2 * sizes.inner + width
    return sizes.layers * layer + (rows + 1) * width


def _is_tied(kind: str) -> bool:
    return kind in _TIED or (kind in _FAMILIES and _FAMILIES[kind].tied)


def _adapts(target: str, name: str) -> bool:
    """Whether peft's `target` means the linear layer `name`: equal, or its last parts."""
    return name == target or name.endswith(f".{target}")
