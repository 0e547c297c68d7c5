"""Tiny tokenizers for twins. Knows no model."""

from __future__ import annotations

from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer
from transformers.models.roberta.tokenization_roberta import RobertaTokenizer
from transformers.models.t5.tokenization_t5 import T5Tokenizer

_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789!"
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def clip_words(length: int = 77, *, pad_token: str = "<|endoftext|>") -> Any:
    """Letters and digits, as CLIP's."""
    names = ["<|startoftext|>", "<|endoftext|>", *_SIGNS, *(f"{sign}</w>" for sign in _SIGNS)]
    vocab = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=[], pad_token=pad_token, model_max_length=length)


def roberta_words(length: int = 512) -> Any:
    """Letters, digits and the blank, as RoBERTa's."""
    names = ["<s>", "<pad>", "</s>", "<unk>", *_SIGNS, "Ġ", "<mask>"]
    vocab = {name: number for number, name in enumerate(names)}
    return RobertaTokenizer(vocab=vocab, merges=[], model_max_length=length)


def t5_words(length: int = 128) -> Any:
    """Letters and digits, as T5's."""
    names = ["<pad>", "</s>", "<unk>", "▁", *_SIGNS]
    vocab = [(name, 0.0 if name.startswith("<") else -2.0) for name in names]
    return T5Tokenizer(vocab=vocab, extra_ids=0, model_max_length=length)


def qwen_words(length: int = 512) -> Any:
    """Bytes, as Qwen's, with a chat template of its shape."""
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(ByteLevel.alphabet())]
    return Qwen2Tokenizer(
        vocab={name: number for number, name in enumerate(names)},
        merges=[],
        extra_special_tokens=names[1:3],
        model_max_length=length,
        chat_template=_CHAT,
    )
