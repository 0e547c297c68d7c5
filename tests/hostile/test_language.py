"""Sampling at its limits, text that is none, and facts that cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from nextgpt_core import Builder, Pipeline
from nextgpt_core.engine.sampling import Sampler
from nextgpt_core.prompt.template import TextIds
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.messages import Message

SMALLEST, LARGEST = 5e-324, 1.7e308
FOUR = torch.tensor([1.0, 3.0, 2.0, float("-inf")])  # the last may not be chosen
HALVES = ["\ud800", "\udfff", "a\udc80b", "\udc00\ud800", "\U0001f600\ud83d"]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SystemKit:
    return SystemKit(tmp_path_factory.mktemp("language"))


@pytest.fixture(scope="module")
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e4, 3e38])
@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({"temperature": 0.0}, {1}),
        ({"temperature": SMALLEST}, {1}),
        ({"temperature": 1e-45}, {1}),
        ({"temperature": LARGEST}, {0, 1, 2}),
        ({"temperature": LARGEST, "top_p": SMALLEST}, {1}),
        ({"temperature": LARGEST, "top_k": 1}, {1}),
        ({"temperature": LARGEST, "top_k": 2}, {1, 2}),
        ({"temperature": LARGEST, "top_k": 10**9}, {0, 1, 2}),
        ({"temperature": LARGEST, "top_k": 0}, {0, 1, 2}),
        ({"temperature": LARGEST, "top_p": 1.0 - 2**-53}, {0, 1, 2}),
        ({"temperature": SMALLEST, "top_p": SMALLEST, "top_k": 1}, {1}),
    ],
    ids=str,
)
def test_a_sampler_goes_to_its_limits(
    expect: Any, scale: float, options: dict[str, Any], drawn: set[int]
) -> None:
    sampler = Sampler(**{"top_p": 1.0, "seed": 0, **options})
    logits_V = FOUR * (scale / 3)

    def draws() -> set[int]:
        return {sampler.choose(logits_V) for _ in range(60)}

    expect.answer(draws, drawn)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": SMALLEST},
        {"temperature": LARGEST},
        {"temperature": 1e-3, "top_p": SMALLEST},
        {"temperature": 1.0, "top_k": 10**9},
        {"temperature": 1.0, "top_k": 1},
        {"temperature": 1.0, "top_k": None},
    ],
    ids=str,
)
def test_a_request_goes_to_the_limits_of_sampling(
    expect: Any, pipeline: Pipeline, options: dict[str, Any]
) -> None:
    expect.answer(lambda: pipeline.chat("hello", max_tokens=4, **options).finish is not None, True)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"temperature": float("inf")}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": -1e-300}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": float("nan")}, "top_p"),
        ({"top_p": 1.0000001}, "top_p"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
    ],
    ids=str,
)
def test_settings_of_sampling_that_mean_nothing_are_refused(
    expect: Any, pipeline: Pipeline, options: dict[str, Any], word: str
) -> None:
    expect.refusal(lambda: pipeline.chat("hello", **options), word)


@pytest.mark.parametrize("half", HALVES, ids=ascii)
def test_half_characters_are_refused_wherever_text_comes_in(
    expect: Any, kit: SystemKit, pipeline: Pipeline, half: str
) -> None:
    said = (Message("user", (half,)), Message("assistant", ("yes",)))
    wrote = (Message("user", ("yes?",)), Message("assistant", (half,)))
    told = (Message("system", (half,)),)
    composer = pipeline.system.composer
    cases = (
        lambda: pipeline.chat(half),
        lambda: pipeline.chat(["a", half]),
        lambda: pipeline.chat("hello", history=said),
        lambda: pipeline.chat("hello", history=wrote),
        lambda: pipeline.chat("hello", history=told),
        lambda: pipeline.chat("hello", stop=half),
        lambda: pipeline.chat("hello", stop=["a", half]),
        lambda: list(pipeline.ask(said[:1])),
        lambda: composer.tokenize(half),
        lambda: pipeline.chat("hello", decoder_options={"glyph": {"ink": half}}),
        lambda: pipeline.chat("hello", decoder_options={half: {}}),
        lambda: pipeline.chat("hello", require={half: 1}),
        lambda: kit.builder.channel(
            "glyph", decoder={"name": "painter", "options": {"a": half}}
        ).config(),
        lambda: Builder().set(llm={"path": "file:x"}, system_prompt=half).config(),
        lambda: Builder().set(llm={"path": "file:x"}, generation={"stop": [half]}).config(),
    )
    for act in cases:
        message = expect.refusal(act)

        message.encode()  # it can be printed


def test_half_a_character_that_a_template_writes_is_refused(
    expect: Any, pipeline: Pipeline
) -> None:
    tokenizer = pipeline.system.model.backbone.tokenizer
    kept, tokenizer.chat_template = tokenizer.chat_template, "{{ messages[0].content }}\ud800"
    try:
        expect.refusal(lambda: pipeline.chat("hello"), "half a character")
    finally:
        tokenizer.chat_template = kept


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"width": 0}, "width"),
        ({"width": -8}, "width"),
        ({"width": 33}, "config.json says 32"),
        ({"layers": 99}, "config.json says 2"),
        ({"vocabulary": 1}, "config.json says"),
        ({"context": 4096}, "config.json says 1024"),
        ({"parameters": 1}, "config.json says"),
        ({"tied": False}, "config.json says True"),
        ({"family": "gpt2"}, "config.json says llama"),
        ({"linears": {"q_proj": [1, 1]}}, "config.json says (32, 32)"),
        ({"depth": 5}, "depth"),
        (5, "facts"),
    ],
    ids=str,
)
def test_facts_that_cannot_be_are_refused(
    expect: Any, kit: SystemKit, facts: Any, word: str
) -> None:
    builder = kit.builder.llm(kit.llm, facts=facts)

    expect.refusal(builder.build, word)


@pytest.mark.parametrize(
    "model",
    [
        models.WordLevel({"hello": 0, "<s>": 1, "</s>": 2}, unk_token="none"),
        models.Unigram([("h", -1.0), ("\n", -1.0), ("a", -1.0)]),
        models.WordPiece({"hello": 0}, unk_token="none"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_text_that_a_tokenizer_cannot_cut_is_refused(expect: Any, model: models.Model) -> None:
    cut = TextIds(PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model)), rows=1 << 30)

    expect.refusal(lambda: cut("hej", quoted=True, continues=False), "cannot be cut into tokens")


@pytest.mark.parametrize("modality", [None, 5, ["glyph"], b"glyph", ("glyph",)], ids=str)
def test_media_of_no_name_are_refused(expect: Any, pipeline: Pipeline, modality: Any) -> None:
    medium = replace(glyph(), modality=modality)

    expect.refusal(lambda: pipeline.chat([medium]), "have the modality")


@pytest.mark.parametrize("told", [20, 4096])
def test_a_context_that_only_the_facts_say_holds(expect: Any, tmp_path: Path, told: int) -> None:
    kit = SystemKit(tmp_path)
    path = kit.llm / "config.json"
    said = json.loads(path.read_text())
    del said["max_position_embeddings"]  # and transformers takes 2048 then
    path.write_text(json.dumps(said))

    with kit.builder.llm(kit.llm, facts={"context": told}).build(untrained=True) as pipeline:
        assert pipeline.system.model.backbone.context == told
        expect.refusal(lambda: pipeline.chat("a" * told), f"model reads {told}")


@pytest.mark.parametrize(
    "lora",
    [
        {"targets": []},
        {"targets": ["all-linear"]},
        {"targets": "all-linear"},
        {"targets": ["embed_tokens"]},
        {"targets": ["lm_head"]},
        {"targets": [".*"]},
        {"targets": [""]},
        {"r": 0},
        {"alpha": float("nan")},
        {"alpha": float("inf")},
        {"dropout": 1.0},
    ],
    ids=str,
)
def test_adapters_that_cannot_be_are_refused_while_planning(
    expect: Any, kit: SystemKit, lora: dict[str, Any]
) -> None:
    builder = kit.builder.llm(kit.llm, lora=lora)

    expect.refusal(builder.build, "lora")
