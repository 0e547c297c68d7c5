"""A Hugging Face folder as a live backbone. Does not know where the folder comes from."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.half import halve
from nextgpt_registry.errors import ConfigError, NextGPTError
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
    except (NextGPTError, MemoryError):
        raise
    except Exception as error:  # of a damaged file transformers and tokenizers raise anything
        raise ConfigError(
            "llm.path",
            f"{folder} is no causal language model with a tokenizer: "
            f"{str(error)[:2000] or type(error).__name__}",
            "name a folder with config.json, *.safetensors and tokenizer files, or a GGUF file",
        ) from error
    if torch.device(device).type == "cpu" and model.dtype is torch.float16:
        model = halve(model)
    backbone = Backbone(model.to(device), tokenizer, layer=layer)
    check_logits(backbone)
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


@torch.no_grad()
def check_logits(backbone: Backbone) -> None:
    """Hold on three tokens that embed, run and logits give what the model itself gives.

    A family may do something to its embeddings or logits that we do not know of; it costs one
    short pass to find out here instead of getting quietly worse answers.

    Raises:
        ConfigError: they differ.
    """
    top = backbone.vocabulary - 1
    ids_BT = torch.tensor([[1 % top, 2 % top, top // 2]], device=backbone.device)
    ours: Tensor = backbone.logits(backbone.run(backbone.embed(ids_BT)).final_BTD)
    theirs: Tensor = backbone.model(input_ids=ids_BT, use_cache=False).logits
    rows_TD = backbone.embedding.weight[ids_BT[0]].float() * backbone.embedding_scale
    embedded = torch.allclose(backbone.embed(ids_BT)[0].float(), rows_TD, rtol=1e-2, atol=1e-4)
    spread = theirs.float().std() + 1e-6
    if not embedded or (ours - theirs).float().abs().max() > 1e-2 * spread:
        raise ConfigError(
            "llm.path",
            f"{type(backbone.model).__name__} treats its embeddings or logits in a way that "
            "nextgpt does not reproduce",
            "use another model family, or teach nextgpt_core/llm/head.py this one",
        )


def torch_dtype(name: str) -> torch.dtype:
    """`"bfloat16"` -> `torch.bfloat16`.

    Raises:
        ConfigError: torch has no floating-point type of that name.
    """
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError("dtype", f"{name!r} is no type", "float32, bfloat16 or float16")
    return found
