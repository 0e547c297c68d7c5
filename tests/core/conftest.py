"""Tiny real language models and a tiny real tokenizer. Random weights, true families."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.testing import SystemKit

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = (
    "Draw a cat on a blue background. What does this sound like? Here you are: a guitar.",
    "system user assistant You are a helpful assistant. <photo></photo> two dogs and a drum",
)

MakeBackbone = Callable[..., Backbone]


def make_tokenizer() -> PreTrainedTokenizerFast:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML,
    )


def llama(rows: int) -> PreTrainedModel:
    config = LlamaConfig(**_sizes(rows), num_key_value_heads=2, tie_word_embeddings=True)
    return LlamaForCausalLM(config)


def qwen3(rows: int) -> PreTrainedModel:
    config = Qwen3Config(
        **_sizes(rows), num_key_value_heads=2, head_dim=8, tie_word_embeddings=False
    )
    return Qwen3ForCausalLM(config)


def gemma3(rows: int) -> PreTrainedModel:
    """Scaled embeddings, a sliding window shorter than our prompts, and a logit softcap."""
    config = Gemma3TextConfig(
        **_sizes(rows),
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        final_logit_softcapping=2.0,
    )
    return Gemma3ForCausalLM(config)


def gpt_neox(rows: int) -> PreTrainedModel:
    return GPTNeoXForCausalLM(GPTNeoXConfig(**_sizes(rows), tie_word_embeddings=False))


def cohere(rows: int) -> PreTrainedModel:
    """Logits are multiplied."""
    return CohereForCausalLM(CohereConfig(**_sizes(rows), logit_scale=0.25))


def granite(rows: int) -> PreTrainedModel:
    """Embeddings are multiplied inside the model, logits divided."""
    config = GraniteConfig(**_sizes(rows), embedding_multiplier=3.0, logits_scaling=4.0)
    return GraniteForCausalLM(config)


FAMILIES = {
    "llama": llama,
    "qwen3": qwen3,
    "gemma3": gemma3,
    "gpt_neox": gpt_neox,
    "cohere": cohere,
    "granite": granite,
}


def _sizes(rows: int) -> dict[str, int]:
    return {
        "vocab_size": rows,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SystemKit:
    """Tiny systems with the toy plugin, in a folder of their own."""
    return SystemKit(tmp_path_factory.mktemp("kit"))


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return make_tokenizer()


@pytest.fixture
def make_backbone(tokenizer: PreTrainedTokenizerBase) -> MakeBackbone:
    """`make_backbone("llama")`: a fresh tiny backbone, the same weights each time."""

    def make(family: str = "llama", **options: int) -> Backbone:
        torch.manual_seed(0)
        model = FAMILIES[family](len(tokenizer) + 5)  # a few rows more than tokens, as Qwen has
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" not in name:
                    parameter.normal_(std=0.2)  # large enough that layers and positions matter
        return Backbone(model, tokenizer, **options)

    return make


@pytest.fixture(params=FAMILIES)
def backbone(request: pytest.FixtureRequest, make_backbone: MakeBackbone) -> Backbone:
    """One tiny backbone of each family."""
    return make_backbone(request.param)
