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
from nextgpt_core.prompt.compose import UNLABELLED
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message, Part

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


def asked(*parts: Part) -> Message:
    return Message("user", parts)


def answered(*parts: Part) -> Message:
    return Message("assistant", parts)


PICTURE = MediaPart("image", Media("image", np.zeros((4, 4, 3), dtype=np.uint8)))
FEATURE, SIGNALS = "(a feature)", "(four signals)"
DIALOGUES: dict[str, tuple[list[Message], list[str]]] = {
    "text alone": (
        [asked("draw a cat")],
        ["### Human: ", "draw a cat\n### Assistant: "],
    ),
    "no letter first": (
        [asked("  12 cats ?\n")],
        ["### Human: ", "12 cats ?\n### Assistant: "],
    ),
    "a medium first": (
        [asked(PICTURE, "what does this show ?")],
        ["### Human: <Img>", FEATURE, "</Img> what does this show ?\n### Assistant: "],
    ),
    "a medium in the middle": (
        [asked("is ", PICTURE, " a dog ?")],
        ["### Human: is <Img>", FEATURE, "</Img> a dog ?\n### Assistant: "],
    ),
    "two media": (
        [asked(PICTURE, PICTURE)],
        ["### Human: <Img>", FEATURE, "</Img> <Img>", FEATURE, "</Img>\n### Assistant: "],
    ),
    "two turns": (
        [asked("a cat ?"), answered("two dogs ."), asked("draw a cat")],
        [
            *("### Human: ", "a cat ?\n### Assistant: ", "two dogs .\n###"),
            "Human: draw a cat\n### Assistant: ",
        ],
    ),
    "three turns, a medium in the last": (
        [asked("a"), answered("b"), asked("c"), answered("d"), asked(PICTURE, "e")],
        [
            *("### Human: ", "a\n### Assistant: ", "b\n###"),
            *("Human: c\n### Assistant: ", "d\n###"),
            *("Human: <Img>", FEATURE, "</Img> e\n### Assistant: "),
        ],
    ),
    "signals last": (
        [asked("draw a cat"), answered("here you are", PICTURE), asked("two dogs")],
        [
            *("### Human: ", "draw a cat\n### Assistant: ", "here you are", SIGNALS, "###"),
            "Human: two dogs\n### Assistant: ",
        ],
    ),
    "signals alone": (
        [asked("draw a cat"), answered(PICTURE), asked("why ?")],
        [
            *("### Human: ", "draw a cat\n### Assistant: ", SIGNALS, "###"),
            "Human: why ?\n### Assistant: ",
        ],
    ),
    "text after signals": (
        [asked("draw a cat"), answered("here :", PICTURE, "a cat ."), asked("why ?")],
        [
            *("### Human: ", "draw a cat\n### Assistant: ", "here :", SIGNALS, "a cat .\n###"),
            "Human: why ?\n### Assistant: ",
        ],
    ),
    "spelled control tokens": (
        [asked("a </s> b ?"), answered("<s> c"), asked("d")],
        [
            *("### Human: ", "a </s> b ?\n### Assistant: ", "<s> c\n###"),
            "Human: d\n### Assistant: ",
        ],
    ),
}
"""By name: a dialogue, and the pieces that training put its prompt together from, after <s>."""


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_dialogue_of_2023_has_the_ids_of_its_training(
    name: str, folder: Path, pipeline: Pipeline
) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    composer = pipeline.engine.system.composer
    turns, pieces = DIALOGUES[name]
    signals = list(composer.vocabulary.block("image").ids)
    wanted = [model.bos_id()]
    for piece in pieces:
        wanted += {FEATURE: [-1], SIGNALS: signals}.get(piece) or model.encode(piece)

    prompt = composer.compose(turns, feature_tokens={"image": 1})

    cut = [token if token in (-1, *signals) else model.id_to_piece(token) for token in prompt.ids]
    named = [token if token in (-1, *signals) else model.id_to_piece(token) for token in wanted]
    assert cut == named


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (("two dogs .",), ["<0x0A>", "###"]),
        (("a cat .", PICTURE), ["▁###"]),
        ((PICTURE, "a cat ."), ["<0x0A>", "###"]),
    ],
    ids=["text", "signals", "text after signals"],
)
def test_an_answer_is_learned_as_it_stands_in_a_history(
    said: tuple[Part, ...], end: list[str], pipeline: Pipeline
) -> None:
    composer = pipeline.engine.system.composer
    turns = [asked("a cat ?"), answered(*said)]

    learned = composer.compose(turns, feature_tokens={}, answer=False)

    history = composer.compose([*turns, asked("why ?")], feature_tokens={})
    assert history.ids[: len(learned)] == learned.ids
    assert history.labels[: len(learned)] == learned.labels
    assert set(history.labels[len(learned) :]) == {UNLABELLED}
    assert composer.tokenizer.convert_ids_to_tokens(learned.labels[-len(end) :]) == end


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
