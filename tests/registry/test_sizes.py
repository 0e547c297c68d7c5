"""Sizes worked out without torch are the published ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry import Condition, ConfigError
from nextgpt_registry.config import LLMFacts, Lora
from nextgpt_registry.llm_facts import (
    complete,
    lora_parameters,
    read_facts,
    said_by,
    signal_parameters,
    unknown_targets,
)
from nextgpt_registry.projections import (
    INPUT_KINDS,
    OUTPUT_KINDS,
)
from nextgpt_registry.shapes import size
from nextgpt_registry.sizes import input_shapes, options_of, output_shapes, tokens_out

LLAMA_7B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}
ALL_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def facts_of(config: dict[str, Any]) -> LLMFacts:
    return complete({}, said_by(config), who="config.json")


def llama_like(kind: str, sizes: str, **more: Any) -> dict[str, Any]:
    keys = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "vocab_size",
    )
    given = dict(zip(keys, map(int, sizes.split()), strict=True))
    return {"model_type": kind, "max_position_embeddings": 8192, **given, **more}


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (LLAMA_7B, 6_738_415_616),
        (llama_like("llama", "576 30 9 3 1536 49152", tie_word_embeddings=True), 134_515_008),
        (llama_like("qwen2", "896 24 14 2 4864 151936", tie_word_embeddings=True), 494_032_768),
        (
            llama_like("qwen3", "1024 28 16 8 3072 151936", head_dim=128, tie_word_embeddings=True),
            596_049_920,
        ),
        (llama_like("gemma3_text", "640 18 4 1 2048 262144", head_dim=256), 268_098_176),
        (llama_like("mistral", "4096 32 32 8 14336 32000"), 7_241_732_096),
        (llama_like("gpt_neox", "768 12 12 12 3072 50304"), 162_322_944),
        (
            {
                "model_type": "gpt2",
                "n_embd": 768,
                "n_layer": 12,
                "n_head": 12,
                "n_positions": 1024,
                "vocab_size": 50257,
            },
            124_439_808,
        ),
    ],
    ids=lambda value: value["model_type"] if isinstance(value, dict) else "",
)
def test_a_language_model_is_counted_from_its_config(
    config: dict[str, Any], parameters: int
) -> None:
    assert facts_of(config).parameters == parameters


def test_a_multimodal_config_is_read_by_its_text_part() -> None:
    text = llama_like("gemma3_text", "640 18 4 1 2048 262144", head_dim=256)

    facts = facts_of({"model_type": "gemma3", "text_config": text})

    assert (facts.family, facts.width, facts.tied) == ("gemma3", 640, True)


def test_an_unknown_family_is_counted_from_the_headers_beside_it(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + bytes(48)
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA_7B, "model_type": "novel"}))
    (tmp_path / "model.safetensors").write_bytes(weights)

    assert read_facts(tmp_path).parameters == 12


@pytest.mark.parametrize(
    "config", [{**LLAMA_7B, "model_type": "novel"}, {"model_type": "llama"}, {}]
)
def test_a_config_that_says_too_little_asks_for_facts(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"llm\.facts"):
        facts_of(config)


def test_a_folder_without_a_config_asks_for_facts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_facts(tmp_path)


@pytest.mark.parametrize(
    ("lora", "parameters"),
    [(Lora(r=32), 33_554_432), (Lora(r=128, targets=ALL_LINEARS), 319_815_680)],
)
def test_lora_of_vicuna_7b_has_the_published_size(lora: Lora, parameters: int) -> None:
    assert lora_parameters(facts_of(LLAMA_7B), lora) == parameters


def test_a_lora_target_may_be_the_end_of_a_name() -> None:
    facts = facts_of({"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 1,
                      "n_positions": 4, "vocab_size": 9})  # fmt: skip

    assert lora_parameters(facts, Lora(r=1, targets=("c_proj",))) == (8 + 8) + (32 + 8)
    assert unknown_targets(facts, Lora(targets=("c_proj", "q_proj"))) == ("q_proj",)


def test_signals_have_rows_on_both_sides_whatever_the_model_ties() -> None:
    untied = facts_of(LLAMA_7B)
    tied = LLMFacts.model_validate({**untied.model_dump(), "tied": True})

    assert signal_parameters(untied, 36) == signal_parameters(tied, 36) == 2 * 36 * 4096


@pytest.mark.parametrize(
    ("tokens", "width", "parameters"),
    [(77, 768, 31_958_784), (77, 1024, 32_090_112), (1, 512, 31_788_544)],
)
def test_the_query_projection_has_the_papers_size(tokens: int, width: int, parameters: int) -> None:
    condition = Condition(name="text", tokens=tokens, width=width)

    query = OUTPUT_KINDS["query"]

    found = output_shapes(
        query, options_of(query, {}), width_llm=4096, signals=4, conditions=[condition]
    )

    assert size(found) == parameters


@pytest.mark.parametrize(("kind", "parameters"), [("linear", 4_198_400), ("mlp", 20_979_712)])
def test_input_projections_have_the_papers_size(kind: str, parameters: int) -> None:
    spec = INPUT_KINDS[kind]

    found = input_shapes(spec, options_of(spec, {}), tokens=256, width_in=1024, width_llm=4096)

    assert size(found) == parameters


@pytest.mark.parametrize(
    ("kind", "options", "tokens"),
    [("grouping", {"groups": (64, 8)}, 8), ("resampler", {"tokens": 5}, 5), ("linear", {}, 256)],
)
def test_projections_say_how_many_tokens_come_out(
    kind: str, options: dict[str, Any], tokens: int
) -> None:
    spec = INPUT_KINDS[kind]

    assert tokens_out(spec, options_of(spec, options), 256) == tokens


def test_every_kind_has_a_size() -> None:
    condition = Condition(name="text", tokens=3, width=8)

    for spec in INPUT_KINDS.values():
        options = options_of(spec, {})
        assert size(input_shapes(spec, options, tokens=3, width_in=4, width_llm=8)) > 0
    for spec in OUTPUT_KINDS.values():
        options = options_of(spec, {})
        sizes = {"width_llm": 8, "signals": 2, "conditions": [condition]}
        assert size(output_shapes(spec, options, **sizes)) > 0
