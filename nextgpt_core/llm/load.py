"""A Hugging Face folder as a live backbone. Does not know where the folder comes from."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.half import halve
from nextgpt_core.llm.probe import probe
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.targets import missing

_PIECES = "tokenizer.model"  # SentencePiece's, as Llama's were published
_READERS = ("sentencepiece", "google.protobuf")  # what transformers reads it with


def backbone_from_folder(
    folder: Path,
    *,
    layer: int = -1,
    dtype: str = "float32",
    attention: str | None = None,
    device: torch.device | str = "cpu",
) -> Backbone:
    """The model and tokenizer of a Hugging Face folder, frozen.

    `float16` on a CPU means weights in half and arithmetic in float32 (`llm/half.py`): the
    fastest there to run, where training goes best in `bfloat16`.

    Raises:
        ConfigError: it holds no causal language model with a tokenizer, or one of a family
            whose logits this project cannot reproduce.
    """
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch_dtype(dtype),
            attn_implementation=attention,
            local_files_only=True,
        )
        tokenizer = tokenizer_from_folder(folder)
    except ConfigError:
        raise
    except Exception as error:  # a family's own code, on a config it may not be made for
        raise ConfigError(
            "llm.path",
            f"{folder} is no causal language model with a tokenizer: {_told(error)}",
            "name a folder with config.json, *.safetensors and tokenizer files, or a GGUF file",
        ) from error
    if model.get_output_embeddings() is None:
        raise ConfigError(
            "llm.path",
            f"{type(model).__name__} has no one matrix that its logits come from",
            "use another model family",
        )
    if torch.device(device).type == "cpu" and model.dtype is torch.float16:
        model = halve(model)
    backbone = Backbone(model.to(device), tokenizer, layer=layer)
    probe(backbone)
    return backbone


def tokenizer_from_folder(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a Hugging Face folder; raises as transformers does.

    Raises:
        ConfigError: it is `tokenizer.model` alone, and what reads that is not installed.
    """
    alone = (folder / _PIECES).is_file() and not (folder / "tokenizer.json").is_file()
    if alone and (lacking := missing(_READERS)):  # transformers would ask for tiktoken
        raise ConfigError(
            "llm.path",
            f"{folder / _PIECES} is read by SentencePiece; not installed: {', '.join(lacking)}",
            "pip install sentencepiece protobuf",
        )
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return found


def _told(error: Exception) -> str:
    """The error; its type as well, where it is not one of a file or a value."""
    known = isinstance(error, (OSError, ValueError, KeyError))
    return str(error) if known else f"{type(error).__name__}: {error}"


def torch_dtype(name: str) -> torch.dtype:
    """`"bfloat16"` -> `torch.bfloat16`.

    Raises:
        ConfigError: torch has no floating-point type of that name.
    """
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError("dtype", f"{name!r} is no type", "float32, bfloat16 or float16")
    return found
