"""A tiny random language model of any family, with a tokenizer that works as Llama's does."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaTokenizer

from nextgpt_registry.config import LLMFacts

_WIDTH, _HEADS = 32, 4
_SPREAD = 0.2  # of its weights: large enough that every position matters
_MERGES = (("#", "#"), ("##", "#"), ("▁", "###"))
_CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tiny_tokenizer(*, chat: bool) -> LlamaTokenizer:
    """Characters, bytes for what is none of them, and `▁###` as one token.

    With `chat` it brings a chat template of its own and the tokens that it needs.
    """
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    pieces += [chr(code) for code in range(33, 127)]
    pieces += ["".join(pair) for pair in _MERGES]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=list(_MERGES))
    if chat:
        marks = ["<|im_start|>", "<|im_end|>"]
        tokenizer.add_special_tokens({"additional_special_tokens": marks})
        tokenizer.chat_template = _CHATML
    return tokenizer


def save_tiny_llm(folder: Path, facts: LLMFacts, *, chat: bool, seed: int = 0) -> Path:
    """Write a random model of the family and depth of `facts`, and its tokenizer, to `folder`."""
    tokenizer = tiny_tokenizer(chat=chat)
    config = AutoConfig.for_model(
        facts.family,
        vocab_size=len(tokenizer) + 1,  # a row of no token, as Vicuna v0 has one
        hidden_size=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_hidden_layers=facts.layers,
        num_attention_heads=_HEADS,
        num_key_value_heads=_HEADS,
        head_dim=_WIDTH // _HEADS,
        max_position_embeddings=2048,
        tie_word_embeddings=facts.tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" not in name:
                    parameter.normal_(std=_SPREAD)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
