"""Given facts fill what a model's own config does not say, and contradict nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry.errors import PlanError
from nextgpt_registry.llm_facts import said_by
from nextgpt_registry.llm_families import sizes_of
from nextgpt_registry.plan import make_plan
from nextgpt_registry.tokens import highest_text_token

BLOOM = {"model_type": "bloom", "hidden_size": 8, "n_layer": 2, "n_head": 2, "vocab_size": 40}
GIVEN = {"context": 64, "parameters": 1000}


def plan(folder: Path, config: dict[str, Any], facts: dict[str, Any] | None) -> Any:
    (folder / "config.json").write_text(json.dumps(config))
    llm = {"path": f"file:{folder}", **({} if facts is None else {"facts": facts})}
    return make_plan({"name": "t", "llm": llm})


def test_what_the_config_lacks_may_be_given_alone(tmp_path: Path) -> None:
    facts = plan(tmp_path, BLOOM, GIVEN).facts

    assert (facts.context, facts.parameters) == (64, 1000)
    assert (facts.family, facts.width, facts.layers, facts.vocabulary) == ("bloom", 8, 2, 40)
    assert facts.tied  # as transformers' class has it


def test_all_that_nobody_says_is_asked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as error:
        plan(tmp_path, BLOOM, None)

    assert "context (as max_position_embeddings)" in str(error.value)
    assert "{parameters: …, context: …}" in str(error.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"width": 16}, "llm.facts.width: says 16, config.json says 8"),
        ({"layers": 3}, "llm.facts.layers: says 3, config.json says 2"),
        ({"vocabulary": 41}, "llm.facts.vocabulary: says 41, config.json says 40"),
        ({"family": "llama"}, "llm.facts.family: says llama, config.json says bloom"),
        ({"tied": False}, "llm.facts.tied: says False, config.json says True"),
    ],
)
def test_what_contradicts_the_config_is_refused(
    tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(PlanError) as error:
        plan(tmp_path, BLOOM, {**GIVEN, **more})

    assert words in str(error.value)


def test_a_context_and_a_linear_layer_that_contradict_are_refused(tmp_path: Path) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "vocab_size": 40,
        "max_position_embeddings": 64,
    }

    with pytest.raises(PlanError) as error:
        plan(tmp_path, config, {"context": 128, "linears": {"up_proj": [8, 17]}})

    assert "llm.facts.context: says 128, config.json says 64" in str(error.value)
    assert "llm.facts.linears.up_proj: says (8, 17), config.json says (8, 16)" in str(error.value)
    assert plan(tmp_path, config, {"context": 64}).facts.width == 8


@pytest.mark.parametrize(
    "config",
    [
        [],
        {},
        {"model_type": 5},
        {**BLOOM, "hidden_size": "wide"},
        {**BLOOM, "hidden_size": [8, 8]},
        {**BLOOM, "hidden_size": True},
        {**BLOOM, "n_layer": -2},
        {**BLOOM, "n_layer": 0.5},
        {**BLOOM, "vocab_size": None},
        {**BLOOM, "vocab_size": 10**400},
        {**BLOOM, "vocab_size": float("nan")},
        {**BLOOM, "text_config": "none"},
        {**BLOOM, "text_config": {"hidden_size": float("inf")}},
    ],
)
def test_a_config_of_nonsense_is_a_problem_of_the_plan(tmp_path: Path, config: Any) -> None:
    with pytest.raises(PlanError, match=r"config\.json"):
        plan(tmp_path, config, None)


def test_facts_may_say_everything_where_the_config_says_nothing(tmp_path: Path) -> None:
    given = {"family": "novel", "width": 8, "layers": 1, "vocabulary": 9, **GIVEN}

    assert plan(tmp_path, {}, given).facts.model_dump(exclude={"linears"}) == {
        **given,
        "tied": False,
    }


@pytest.mark.parametrize(
    ("config", "name", "size"),
    [
        ({"n_embd": 8}, "width", 8),
        ({"d_model": 8}, "width", 8),
        ({"emb_dim": 8}, "width", 8),
        ({"num_layers": 3}, "layers", 3),
        ({"n_layers": 3}, "layers", 3),
        ({"layers_block_type": ["mamba", "attention"]}, "layers", 2),
        ({"num_hidden_layers": 3, "layers_block_type": ["mamba"]}, "layers", 3),
        ({"max_seq_len": 64}, "context", 64),
        ({"model_max_length": 64}, "context", 64),
        ({"n_ctx": 64}, "context", 64),
        ({"seq_length": 64}, "context", 64),
        ({"max_position_embeddings": None, "n_positions": 64}, "context", 64),
        ({"n_words": 9}, "vocabulary", 9),
        ({"hidden_size": 4096.0}, "width", 4096),
    ],
)
def test_sizes_are_read_under_the_names_that_families_have(
    config: dict[str, Any], name: str, size: int
) -> None:
    assert sizes_of("", config)[name] == size


def test_a_part_of_a_config_is_the_language_models() -> None:
    assert said_by({"model_type": "a", "text_config": {"n_embd": 8}})["width"] == 8
    assert said_by({"model_type": "a", "decoder": {"d_model": 8}})["width"] == 8


@pytest.mark.parametrize(
    ("files", "last"),
    [
        ({"tokenizer.json": {"model": {"vocab": {"a": 0, "b": 7}}}}, (7, "b")),
        ({"tokenizer.json": {"model": {"vocab": [["a", 0.0], ["b", -1.0]]}}}, (1, "b")),
        (
            {
                "tokenizer.json": {
                    "model": {"vocab": {"a": 0}},
                    "added_tokens": [
                        {"id": 8, "content": "c", "special": False},
                        {"id": 9, "content": "<s>", "special": True},
                    ],
                }
            },
            (8, "c"),
        ),
        ({"vocab.json": {"a": 3}, "added_tokens.json": {"b": 5}}, (5, "b")),
        (
            {
                "vocab.json": {"a": 3},
                "added_tokens.json": {"<s>": 5},
                "tokenizer_config.json": {
                    "added_tokens_decoder": {"5": {"content": "<s>", "special": True}}
                },
            },
            (3, "a"),
        ),
        ({}, None),
        ({"tokenizer.json": []}, None),
        ({"tokenizer.json": {"model": {"vocab": 5}, "added_tokens": 5}}, None),
        ({"vocab.json": [1, 2]}, None),
    ],
)
def test_the_last_id_of_a_text_is_read_from_the_tokenizers_files(
    tmp_path: Path, files: dict[str, Any], last: tuple[int, str] | None
) -> None:
    for name, told in files.items():
        (tmp_path / name).write_text(json.dumps(told))

    assert highest_text_token(tmp_path) == last
