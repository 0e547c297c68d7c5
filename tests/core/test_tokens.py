"""Text becomes no signal, and no answer holds what is no token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken
from transformers import AutoTokenizer

from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.testing import SystemKit, save_tiny_llm
from nextgpt_registry.errors import ConfigError, PlanError, RequestError


def with_tokens(folder: Path, *tokens: str | AddedToken, special: bool = False) -> Path:
    """A tiny language model whose tokenizer was given more tokens, and the model no rows."""
    save_tiny_llm(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(list(tokens), special_tokens=special)
    tokenizer.save_pretrained(folder)
    return folder


def sparse(folder: Path) -> Path:
    """One whose last token has an id five above the last but one, and as many rows."""
    from transformers import AutoModelForCausalLM

    save_tiny_llm(folder)
    path = folder / "tokenizer.json"
    told = json.loads(path.read_text())
    last = max(told["model"]["vocab"], key=told["model"]["vocab"].__getitem__)
    told["model"]["vocab"][last] += 5
    path.write_text(json.dumps(told))
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(told["model"]["vocab"][last] + 1, mean_resizing=False)
    model.save_pretrained(folder)
    return folder


def test_tokens_without_a_row_are_refused_by_the_plan_and_when_built(
    kit: SystemKit, tmp_path: Path
) -> None:
    folder = with_tokens(tmp_path / "llm", "<table>", "zebra")

    with pytest.raises(PlanError, match=r"'zebra' the id \d+, and the model has rows for"):
        kit.pipeline(f"llm.path=file:{folder}")
    with pytest.raises(ConfigError, match="2 tokens that the embedding of"):
        backbone_from_folder(folder)


def test_control_tokens_without_a_row_cannot_be_written(kit: SystemKit, tmp_path: Path) -> None:
    folder = with_tokens(tmp_path / "llm", "<|picture|>", special=True)

    with kit.pipeline(f"llm.path=file:{folder}") as pipeline:
        composer = pipeline.system.composer
        answer = pipeline.chat("a <|picture|> here", max_tokens=2)

        assert answer.text is not None
        assert max(composer.ends.never) < composer.vocabulary.base
        with pytest.raises(RequestError, match="has rows for"):
            composer.tokenize("<|picture|>")  # as a chat template might


def test_an_end_of_text_without_a_row_is_refused(tmp_path: Path) -> None:
    folder = with_tokens(tmp_path / "llm", "<|stop|>", special=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.eos_token = "<|stop|>"
    tokenizer.save_pretrained(folder)

    with pytest.raises(ConfigError, match="stop"):
        backbone_from_folder(folder)


def test_of_a_tokenizer_with_holes_the_holes_are_never_written(
    kit: SystemKit, tmp_path: Path
) -> None:
    with kit.pipeline(f"llm.path=file:{sparse(tmp_path / 'llm')}") as pipeline:
        composer = pipeline.system.composer
        ids = set(composer.tokenizer.get_vocab().values())
        last, never = max(ids), composer.ends.never

    assert last == composer.vocabulary.base - 1
    assert last not in never
    assert set(range(last - 5, last)) - ids == set(range(last - 5, last)) & never
    assert len(set(range(last)) - ids) == 5


def test_an_end_that_the_config_names_beyond_the_rows_ends_nothing(make_backbone) -> None:
    backbone = make_backbone("llama")

    backbone.model.generation_config.eos_token_id = [2, 128_009, -1]

    assert backbone.eos_ids == {2}
