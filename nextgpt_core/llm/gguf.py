"""A GGUF causal LM as an ordinary Hugging Face folder, converted once. Knows no other weights.

Reading a GGUF takes 15-30 s; the folder written here (tokenizer, chat template, config,
generation config, safetensors) loads in about a second and needs neither `gguf` nor `accelerate`.

Weights are stored as float16. A dequantized value is scale x integer (+ offset) of float16 parts,
so float16 keeps it to 11 bits where the quantizer kept 4 to 8: the rounding is far below the
error the file already has. bfloat16 has 8 bits and would add to it; float32 would double the
folder for nothing. Only a model with a weight beyond float16's range is stored as bfloat16.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import sha256_of, store, stored
from nextgpt_registry.fetch.progress import busy

VERSION = 1
"""Part of the cache key: raise it when the converter writes something else for the same file."""

_DIGITS_APART = frozenset(
    {"codeshell", "command-r", "exaone", "minerva-7b", "refact", "smollm", "starcoder"}
)
"""GGUF `tokenizer.ggml.pre` names whose pre-tokenizer cuts out every digit first; transformers
ignores the field, and would read the white space before numbers otherwise than in training."""


def convert_gguf(path: Path, *, sha256: str | None = None) -> Path:
    """The folder `from_pretrained` loads instead of this GGUF file, made unless it is cached.

    Args:
        path: the GGUF file.
        sha256: of its bytes, where the caller has verified it already.

    Raises:
        SourceError: a needed package is missing, or the file is no causal LM in GGUF.
    """
    _require(path)
    return store("llm", _key(sha256 or sha256_of(path)), partial(_convert, path))


def converted(sha256: str) -> Path | None:
    """The folder `convert_gguf` made earlier of the file with this sha256, or None."""
    return stored("llm", _key(sha256))


def _key(sha256: str) -> str:
    return f"{sha256}-v{VERSION}"


def _convert(path: Path, fresh: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer  # lazy: costs seconds

    with busy(f"converting {path.name}, once"), _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
            model = AutoModelForCausalLM.from_pretrained(
                path.parent, gguf_file=path.name, dtype=torch.float32
            )
            _mend_digits(path, tokenizer)
        except Exception as error:  # a torn file fails in the reader's own ways
            raise SourceError(
                str(path), f"is no causal LM in GGUF: {error}", "name another file"
            ) from error
        _forget_quantization(model)
        model.to(_storage_dtype(model))
        model.generation_config._from_model_config = False  # its end-of-turn token is meant
        tokenizer.model_max_length = model.config.max_position_embeddings
        model.save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)


def _forget_quantization(model: Any) -> None:
    """Drop the traces of the GGUF, which would make `save_pretrained` refuse."""
    model.hf_quantizer = None
    model.is_quantized = False
    for holder in (model, model.config):
        for name in ("quantization_config", "quantization_method", "_pre_quantization_dtype"):
            if name in vars(holder):
                delattr(holder, name)


def _storage_dtype(model: Any) -> torch.dtype:
    limit = torch.finfo(torch.float16).max
    fits = all(bool(weight.abs().max() <= limit) for weight in model.parameters())
    return torch.float16 if fits else torch.bfloat16


def _mend_digits(path: Path, tokenizer: Any) -> None:
    """Put the digit rule back that the GGUF names and transformers drops."""
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

    field = GGUFReader(path).get_field("tokenizer.ggml.pre")
    if field is not None and field.contents() in _DIGITS_APART:
        tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
        )


def _require(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise SourceError(str(path), "is no GGUF file", "name a GGUF or a folder of weights")
    missing = [name for name in ("gguf", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise SourceError(
            str(path),
            f"reading GGUF needs {' and '.join(missing)}",
            f"run `pip install {' '.join(missing)}`",
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the bars of transformers, one of which no switch reaches: ours says what is done."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
