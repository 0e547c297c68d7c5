"""A Hugging Face folder as a live backbone. Does not know where the folder comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.half import halve
from nextgpt_core.llm.probe import probe
from nextgpt_registry.errors import ConfigError, NextGPTError
from nextgpt_registry.headers import read_header
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
            whose logits this project cannot reproduce, or a tokenizer of another model.
    """
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch_dtype(dtype),
            attn_implementation=attention,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # told below, as what is lacking is
            output_loading_info=True,
        )
        tokenizer = tokenizer_from_folder(folder)
    except (NextGPTError, MemoryError):
        raise
    except Exception as error:  # a family's own code, or a damaged file: anything comes out of it
        raise ConfigError(
            "llm.path",
            f"{folder} is no causal language model with a tokenizer: {_told(error)}",
            "name a folder with config.json, *.safetensors and tokenizer files, or a GGUF file",
        ) from error
    check_whole(folder, model, told)
    if model.get_output_embeddings() is None:
        raise ConfigError(
            "llm.path",
            f"{type(model).__name__} has no one matrix that its logits come from",
            "use another model family",
        )
    if torch.device(device).type == "cpu" and model.dtype is torch.float16:
        model = halve(model)
    backbone = Backbone(_placed(model, device), tokenizer, layer=layer)
    check_tokens(backbone)
    probe(backbone)
    return backbone


def _placed(model: PreTrainedModel, device: torch.device | str) -> PreTrainedModel:
    """The model on its device."""
    try:
        placed: PreTrainedModel = model.to(device)
    except (RuntimeError, AssertionError) as error:  # no such device, or too little memory there
        raise ConfigError(
            "llm.device",
            f"the model cannot be put on {device}: {str(error).splitlines()[0]}",
            "choose another device, `cpu` or `auto`, or a smaller llm.dtype",
        ) from error
    return placed


def check_whole(folder: Path, model: PreTrainedModel, told: Mapping[str, Any]) -> None:
    """Hold that a model has every weight from its files, and leaves none out that is a layer's.

    transformers draws what is not there, passes over what its config has no place for, and takes
    integers for floats.

    Raises:
        ConfigError: one is lacking, left out, or has another shape or kind of number.
    """
    shapes = [f"{n} ({tuple(a)} for {tuple(b)})" for n, a, b in told["mismatched_keys"]]
    lacking = [*sorted(told["missing_keys"]), *shapes]
    if lacking:
        raise ConfigError(
            "llm.path",
            f"the files in {folder} lack {_few(lacking)}",
            "fetch the whole folder again",
        )
    left_out = _beside(model, told["unexpected_keys"])
    if left_out:
        raise ConfigError(
            "llm.path",
            f"the files in {folder} hold {_few(left_out)}, and its config.json has no place for "
            f"{'it' if len(left_out) == 1 else 'them'}: the model would be another",
            "correct config.json (how many layers, biases, quantization), or fetch it again",
        )
    if integers := _integers(folder, model):
        raise ConfigError(
            "llm.path",
            f"the files in {folder} hold integers for {_few(integers)}",
            "use the weights as floats, or GGUF if they are to be small",
        )


def _beside(model: PreTrainedModel, names: Iterable[str]) -> list[str]:
    """Those of `names` that stand in a module as the model has, or in a further layer like its own.

    Layers that predict further tokens (`num_nextn_predict_layers`) are written behind the others.
    """
    text = model.config.get_text_config(decoder=True)
    places = {_place(name) for name in model.state_dict()}
    places |= {place.removeprefix(f"{model.base_model_prefix}.") for place in places}
    found = sorted(name for name in names if _place(name) in places)
    if getattr(text, "num_nextn_predict_layers", None):
        behind = re.compile(rf"layers\.{text.num_hidden_layers}\.")
        return [name for name in found if not behind.search(name)]
    return found


def _place(name: str) -> str:
    """The module that a tensor is in, whichever of its like."""
    return re.sub(r"\d+", "*", name.rpartition(".")[0])


def _integers(folder: Path, model: PreTrainedModel) -> list[str]:
    """The parameters that are integers in the files of a model that says nothing of it."""
    if getattr(model.config, "quantization_config", None) is not None:
        return []
    own = {name for name, _ in model.named_parameters()}
    headers = [read_header(path) for path in sorted(folder.glob("*.safetensors"))]
    return sorted(
        name
        for header in headers
        for name, tensor in header.items()
        if "F" not in tensor.dtype
        and not own.isdisjoint((name, f"{model.base_model_prefix}.{name}"))
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


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


def check_tokens(backbone: Backbone) -> None:
    """Hold that whatever a text can spell has a row in the embedding: ids behind it are signals'.

    Control tokens may lie there (Gemma 3 has one for pictures, which its text models have no row
    for): text never becomes one, and `Composer.tokenize` refuses a template that writes it.

    Raises:
        ConfigError: a token of text, or one that begins or ends a text, has no row.
    """
    tokenizer, rows = backbone.tokenizer, backbone.vocabulary
    needed = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id}
    control = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    control |= set(tokenizer.all_special_ids)
    beyond = {
        i: token
        for token, i in tokenizer.get_vocab().items()
        if i >= rows and (i in needed or i not in control)
    }
    if beyond:
        first = min(beyond)
        raise ConfigError(
            "llm.path",
            f"the tokenizer has {len(beyond)} tokens that the embedding of {rows} rows does not, "
            f"the first {beyond[first]!r} with id {first}",
            "use the tokenizer that the model was trained with, or a model resized for this one",
        )


def _told(error: Exception) -> str:
    """The error; its type as well, where it is not one of a file or a value."""
    known = isinstance(error, (OSError, ValueError))
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
