"""The registry's torch-free counts are those of the real modules and models."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from nextgpt_core.project import build_input, build_output
from nextgpt_registry import Condition
from nextgpt_registry.config import LLMFacts, Lora
from nextgpt_registry.llm_facts import complete, lora_parameters, said_by
from nextgpt_registry.projections import INPUT_KINDS, OUTPUT_KINDS
from nextgpt_registry.shapes import size
from nextgpt_registry.sizes import input_shapes, options_of, output_shapes, tokens_out

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "vocab_size": 50,
    "max_position_embeddings": 32,
}
GROUPED = {**SMALL, "num_key_value_heads": 2}
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("llama", GROUPED),
    ("llama", {**GROUPED, "attention_bias": True, "mlp_bias": True}),
    ("llama", {**SMALL, "tie_word_embeddings": True}),
    ("mistral", GROUPED),
    ("qwen2", GROUPED),
    ("qwen3", {**GROUPED, "head_dim": 8}),
    ("qwen3", {**GROUPED, "head_dim": 8, "attention_bias": True}),
    ("gemma", {**GROUPED, "head_dim": 8}),
    ("gemma2", {**GROUPED, "head_dim": 8}),
    ("gemma3_text", {**GROUPED, "head_dim": 8}),
    ("granite", GROUPED),
    ("cohere", GROUPED),
    ("smollm3", {**GROUPED, "pad_token_id": 0}),
    ("gpt_neox", SMALL),
    ("gpt_neox", {**SMALL, "attention_bias": False}),
    (
        "gpt2",
        {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 50, "n_positions": 32},
    ),
]


def facts_of(config: dict[str, Any]) -> LLMFacts:
    return complete({}, said_by(config), who="config.json")


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(("family", "sizes"), FAMILIES, ids=lambda value: str(value)[:40])
def test_facts_are_those_of_the_real_model(family: str, sizes: dict[str, Any]) -> None:
    config = AutoConfig.for_model(family, **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)

    facts = facts_of(config.to_diff_dict())

    assert facts.parameters == count(model)
    assert facts.vocabulary == model.get_input_embeddings().weight.shape[0]
    assert facts.tied == bool(config.tie_word_embeddings)
    linears = {name: module for name, module in model.named_modules() if ".0." in name}
    for name, (width_in, width_out) in facts.linears.items():
        (found,) = (m for n, m in linears.items() if n.endswith(f".{name}"))
        assert sorted(found.weight.shape) == sorted((width_in, width_out))


@pytest.mark.parametrize(
    ("family", "sizes", "targets"),
    [
        ("llama", GROUPED, ("q_proj", "v_proj", "down_proj")),
        ("qwen3", {**GROUPED, "head_dim": 8}, ("q_proj", "o_proj")),
        ("gpt_neox", SMALL, ("query_key_value", "dense")),
    ],
)
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks
def test_lora_is_as_large_as_pefts(
    family: str, sizes: dict[str, Any], targets: tuple[str, ...]
) -> None:
    config = AutoConfig.for_model(family, **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    adapted = get_peft_model(model, LoraConfig(r=3, target_modules=list(targets)))

    counted = lora_parameters(facts_of(config.to_diff_dict()), Lora(r=3, targets=targets))

    assert counted == sum(p.numel() for p in adapted.parameters() if p.requires_grad)


INPUTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in INPUT_KINDS),
    ("mlp", {"hidden": 7}),
    ("groupvit", {"width": 8, "heads": 2, "ffn": 12, "groups": (5, 3), "depths": (1, 2, 1)}),
    ("grouping", {"width": 8, "heads": 2, "ffn": 12, "groups": (5, 3, 2), "depth": 1}),
    ("resampler", {"width": 8, "heads": 2, "ffn": 12, "tokens": 3, "depth": 3}),
]


@pytest.mark.parametrize(("kind", "options"), INPUTS, ids=str)
def test_input_projections_are_counted(kind: str, options: dict[str, Any]) -> None:
    with torch.device("meta"):
        module = build_input(INPUT_KINDS[kind], options, tokens=6, width_in=10, width_llm=16)

    spec = INPUT_KINDS[kind]
    parsed = options_of(spec, options)

    named = input_shapes(spec, parsed, tokens=6, width_in=10, width_llm=16)
    assert size(named) == count(module)
    assert named == shapes(module)
    assert tokens_out(spec, parsed, 6) == module.tokens


OUTPUTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in OUTPUT_KINDS),
    ("query", {"width": 8, "heads": 2, "ffn": 12, "layers": 3}),
]


@pytest.mark.parametrize(("kind", "options"), OUTPUTS, ids=str)
def test_output_projections_are_counted(kind: str, options: dict[str, Any]) -> None:
    conditions = (
        Condition(name="text", tokens=5, width=12),
        Condition(name="pooled", tokens=4, width=6),
    )
    with torch.device("meta"):
        module = build_output(
            OUTPUT_KINDS[kind], options, width_llm=16, signals=4, conditions=conditions
        )

    spec = OUTPUT_KINDS[kind]
    parsed = options_of(spec, options)

    named = output_shapes(spec, parsed, width_llm=16, signals=4, conditions=conditions)
    assert size(named) == count(module)
    assert named == shapes(module)


NAMES = {
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
}

PASSED_SEVERAL_TIMES = {("dory", "layers")}
"""What a config says counts passes through layers, and not layers."""


def test_what_families_call_their_sizes_and_tie_is_as_transformers_has_it() -> None:
    """Of every causal language model that this version of transformers knows."""
    wrong, told = [], 0
    for kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        try:
            config = CONFIG_MAPPING[kind]()
        except Exception:  # some classes have no defaults that pass their own checks
            continue
        text = config.get_text_config(decoder=True)
        said = json.loads(config.to_json_string(use_diff=False))
        for part in (said, said.get("text_config") or {}):
            part.pop("tie_word_embeddings", None)
        facts = said_by(said)
        for name, key in NAMES.items():
            wanted = getattr(text, key, None)
            if (kind, name) in PASSED_SEVERAL_TIMES:
                continue
            if name in facts and wanted is not None:
                told += 1
                wrong += [(kind, name, facts[name], wanted)] * (facts[name] != wanted)
        tied = bool(getattr(text, "tie_word_embeddings", False))
        wrong += [(kind, "tied", facts["tied"], tied)] * (facts["tied"] != tied)

    assert wrong == []
    assert told > 400
