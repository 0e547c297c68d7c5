"""Tiny tokenizers for twins. Knows no model."""

from __future__ import annotations

from typing import Any

from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.models.t5.tokenization_t5 import T5Tokenizer

_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789!"


def clip_words(length: int = 77) -> Any:
    """Letters and digits, as CLIP's."""
    names = ["<|startoftext|>", "<|endoftext|>", *_SIGNS, *(f"{sign}</w>" for sign in _SIGNS)]
    vocab = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length)


def t5_words(length: int = 128) -> Any:
    """Letters and digits, as T5's."""
    names = ["<pad>", "</s>", "<unk>", "▁", *_SIGNS]
    vocab = [(name, 0.0 if name.startswith("<") else -2.0) for name in names]
    return T5Tokenizer(vocab=vocab, extra_ids=0, model_max_length=length)
