"""A folder as Llama's and Vicuna's are published, `tokenizer.model` alone, speaks the prompt."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from nextgpt_core import Pipeline
from nextgpt_core.llm import load
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Turn

CORPUS = (
    "### Human: draw a cat on a blue background .",
    "### Assistant: here you are , a cat .",
    "### Human: what does this picture show ?",
    "### Assistant: two dogs and a drum .",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama, and a tokenizer of SentencePiece's trainer with Llama's settings."""
    found, model = tmp_path_factory.mktemp("llm"), io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 20),
        model_writer=model,
        model_type="bpe",
        vocab_size=320,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        add_dummy_prefix=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
    )
    (found / "tokenizer.model").write_bytes(model.getvalue())
    said = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False}
    (found / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
    config = LlamaConfig(
        vocab_size=321,  # a row of no token, as Vicuna v0 has one
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(found)
    return found


@pytest.fixture(scope="module")
def pipeline(folder: Path, twin: Path) -> Pipeline:
    """The shrunken system of 2023 with this language model in it."""
    return Pipeline.from_config(
        twin,
        f"llm.path=file:{folder}",
        "llm.lora=null",
        "generation.max_tokens=6",
        untrained=True,
    )


def test_ids_are_those_of_sentencepiece(folder: Path, pipeline: Pipeline) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    tokenizer = load.tokenizer_from_folder(folder)

    for said in (*CORPUS, "a <Img> of 12 cats", "café, <s2>"):
        assert tokenizer.encode(said) == [model.bos_id(), *model.encode(said)]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (1, 2)


def test_the_prompt_of_2023_is_cut_as_then(pipeline: Pipeline) -> None:
    picture = MediaPart("image", Media("image", np.zeros((4, 4, 3), dtype=np.uint8)))
    turns = [Turn("user", (picture, "draw a cat"))]
    composer = pipeline.engine.system.model.composer

    prompt = composer.compose(turns, feature_tokens={"image": 1})

    [slot] = prompt.features
    cut = composer.tokenizer.convert_ids_to_tokens
    asked, mark = ["<s>", "▁###", "▁Human", ":"], ["<0x3C>", "<0x49>", "m", "g", "<0x3E>"]
    assert cut(prompt.ids[: slot.start]) == [*asked, "▁", *mark]
    closed = cut(prompt.ids[slot.start + 1 :])
    begun = closed.index("<s>")  # the text behind a medium is a piece of its own
    assert closed[:begun] == ["▁", "<0x3C>", "<0x2F>", *mark[1:]]
    said = ["▁dr", "aw", "▁a", "▁cat", "<0x0A>", "###", "▁Assistant", ":"]
    assert closed[begun + 1 :] == said


def test_it_answers(pipeline: Pipeline) -> None:
    answer = pipeline.chat("what does this picture show ?")

    assert 0 < len(answer.ids) <= 6


def test_what_reads_the_file_is_named_where_it_is_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "missing", lambda names: tuple(names)[:1])

    with pytest.raises(ConfigError, match="not installed: sentencepiece") as caught:
        load.backbone_from_folder(folder)
    assert caught.value.fix == "pip install sentencepiece protobuf"
