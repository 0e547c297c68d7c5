"""A pipeline's weights from the separate files that a declaration names. Knows no pipeline.

Each is a safetensors of diffusers' layout; the tokenizer comes as `vocab` (JSON) and `merges`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers.models.clip.tokenization_clip import CLIPTokenizer
from transformers.models.roberta.tokenization_roberta import RobertaTokenizer

from nextgpt_diffusers.cards import Card
from nextgpt_registry.errors import SourceError
from nextgpt_registry.parts import load_part

_OLDER_VAE = {  # as the oldest published files spell the attention
    "to_q.weight": "query.weight",
    "to_q.bias": "query.bias",
    "to_k.weight": "key.weight",
    "to_k.bias": "key.bias",
    "to_v.weight": "value.weight",
    "to_v.bias": "value.bias",
    "to_out.0.weight": "proj_attn.weight",
    "to_out.0.bias": "proj_attn.bias",
}
_HOW: dict[str, dict[str, Any]] = {
    "vae": {"spellings": _OLDER_VAE},
    "text-encoder": {
        "prefixes": ("text_model.",),
        "constants": ("position_ids", "token_type_ids"),
    },
    "text-encoder-2": {"prefixes": ("text_model.",)},
}
_TOKENIZER = ("vocab", "merges")


def load_files(pipe: Any, card: Card, paths: Mapping[str, Path], *, who: str) -> None:
    """Fill the parts of a pipeline; `text-encoder` is the file of its part `text_encoder`.

    Raises:
        SourceError: a file does not hold what its part needs.
    """
    words = {
        part: tokenizer(paths, who=who, **card.get(part, {}))
        for part in ("tokenizer", "tokenizer_2")
        if hasattr(pipe, part)
    }
    for name, path in paths.items():
        if name not in _TOKENIZER:
            part = getattr(pipe, name.replace("-", "_"))
            load_part(part, path, who=who, **_HOW.get(name, {}))
    pipe.register_modules(**words)


def tokenizer(paths: Mapping[str, Path], *, who: str, pad_token: str = "") -> Any:
    """The tokenizer of the files `vocab` and `merges`: CLIP's with what it pads with, or RoBERTa's.

    Raises:
        SourceError: they are something else.
    """
    try:
        vocab = json.loads(paths["vocab"].read_text("utf-8"))
        lines = paths["merges"].read_text("utf-8").splitlines()
        merges = [tuple(line.split()) for line in lines if line and not line.startswith("#version")]
        if not pad_token:
            return RobertaTokenizer(vocab=vocab, merges=merges, model_max_length=512)
        return CLIPTokenizer(vocab=vocab, merges=merges, pad_token=pad_token, model_max_length=77)
    except Exception as error:  # the tokenizers library raises plain exceptions
        raise SourceError(
            f"{who}: {paths['vocab'].name}, {paths['merges'].name}",
            f"make no tokenizer: {error}",
            "name the model's vocab.json and merges.txt",
        ) from error
