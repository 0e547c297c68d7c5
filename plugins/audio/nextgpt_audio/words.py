"""RoBERTa's tokenizer from the files that models publish, or a tiny one. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers.models.roberta.tokenization_roberta import RobertaTokenizer

from nextgpt_registry.errors import SourceError

LENGTH = 512


def published(paths: Mapping[str, Path], *, who: str) -> Any:
    """The tokenizer of the files `vocab` (JSON) and `merges` (text).

    Raises:
        SourceError: they are something else.
    """
    try:
        vocab = json.loads(paths["vocab"].read_text("utf-8"))
        lines = paths["merges"].read_text("utf-8").splitlines()
        merges = [tuple(line.split()) for line in lines if line and not line.startswith("#version")]
        return RobertaTokenizer(vocab=vocab, merges=merges, model_max_length=LENGTH)
    except Exception as error:  # the tokenizers library raises plain exceptions
        raise SourceError(
            f"{who}: {paths['vocab'].name}, {paths['merges'].name}",
            f"make no tokenizer: {error}",
            "name the model's vocab.json and merges.txt",
        ) from error


def tiny() -> Any:
    """Letters, digits and the blank, for twins."""
    signs = "abcdefghijklmnopqrstuvwxyz0123456789Ġ"
    names = ["<s>", "<pad>", "</s>", "<unk>", *signs, "<mask>"]
    vocab = {name: number for number, name in enumerate(names)}
    return RobertaTokenizer(vocab=vocab, merges=[], model_max_length=LENGTH)
