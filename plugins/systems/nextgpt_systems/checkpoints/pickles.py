"""PyTorch pickles read without running them, safetensors written a tensor at a time.

Knows no model. A pickle's tensors are mapped from its file, so that what is in memory is what is
being copied; `safetensors.torch.save_file` would hold all of a file's tensors a second time.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from nextgpt_registry.aside import replacing
from nextgpt_registry.errors import SourceError
from nextgpt_registry.tensors import refusal

_DTYPES = {
    torch.bfloat16: "BF16",
    torch.bool: "BOOL",
    torch.float16: "F16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.uint8: "U8",
}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a PyTorch file by name, mapped from it where its format allows.

    Raises:
        SourceError: there is no such file, it holds code, or anything that is no tensor.
    """
    try:
        found = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except OSError as error:
        raise SourceError(str(path), f"cannot be read: {error}", "check the file") from error
    except pickle.UnpicklingError as error:
        raise SourceError(
            str(path),
            f"holds more than tensors, which is refused: {refusal(error)}",
            "do not load it by other means; fetch the file that its authors published",
        ) from error
    except Exception as error:  # torch names no class for a file that is damaged
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SourceError(str(path), f"is damaged: {reason}", "fetch it again") from error
    if not isinstance(found, Mapping):
        raise SourceError(
            str(path), f"holds a {type(found).__name__}", "wanted tensors by their names"
        )
    odd = [
        str(name)
        for name, value in found.items()
        if not (isinstance(value, Tensor) and isinstance(name, str))
    ]
    if odd:
        raise SourceError(
            str(path), f"{', '.join(odd[:5])}: no named tensor", "wanted tensors by their names"
        )
    return {name: value.detach() for name, value in found.items()}


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file, holding no more than one tensor beside those given.

    Raises:
        SourceError: a tensor is of a type that the format does not know.
    """
    header, end = {}, 0
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise SourceError(name, f"is of {tensor.dtype}", "convert it to floats first")
        size = tensor.numel() * tensor.element_size()
        shape = list(tensor.shape)
        told = {"dtype": _DTYPES[tensor.dtype], "shape": shape, "data_offsets": [end, end + size]}
        header[name], end = told, end + size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # tensors start aligned
    with replacing(path) as aside, aside.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            flat = tensor.contiguous().reshape(-1).view(torch.uint8)
            file.write(flat.numpy().data)
