"""Whisper's encoder from the one-file CTranslate2 format its registry package ships.

The file (version 6, little endian): `u32` version, string, `u32` revision, `u32` count, then per
variable a string name, `u8` rank, `u32` dims, `u8` type, `u32` bytes, data. A string is a `u16`
length and that many bytes, the last one NUL.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nextgpt_registry.errors import SourceError

VERSION = 6
_TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """Every variable of a CTranslate2 model, by name.

    Raises:
        SourceError: the file is of another version, or ends too soon.
    """
    data = path.read_bytes()
    try:
        return _parse(data, path)
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise SourceError(
            str(path), f"not a whole CTranslate2 model: {error}", "fetch it again"
        ) from error


def _parse(data: bytes, path: Path) -> dict[str, np.ndarray]:
    at = 0

    def take(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return int(value)

    def text() -> str:
        nonlocal at
        length = take("H")
        at += length
        return data[at - length : at - 1].decode()

    version = take("I")
    if version != VERSION:
        raise SourceError(str(path), f"CTranslate2 format {version}, wanted {VERSION}")
    text()
    take("I")
    variables = {}
    for _ in range(take("I")):
        name = text()
        dims = [take("I") for _ in range(take("B"))]
        kind = _TYPES[take("B")]
        size = take("I")
        if at + size > len(data):
            raise ValueError(f"{name} ends after the file does")
        variables[name] = np.frombuffer(data, kind, size // np.dtype(kind).itemsize, at).reshape(
            dims
        )
        at += size
    return variables


def encoder_state(variables: dict[str, np.ndarray], positions: int) -> dict[str, Tensor]:
    """A state for transformers' `WhisperEncoder` that listens to `positions` frames."""

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(variables[name].astype(np.float32))

    state = {"embed_positions.weight": tensor("encoder/position_encodings/encodings")[:positions]}
    _norm(state, "layer_norm", tensor, "encoder/layer_norm")
    for n in (1, 2):
        for part in ("weight", "bias"):
            state[f"conv{n}.{part}"] = tensor(f"encoder/conv{n}/{part}")
    layers = 1 + max(
        int(k.split("_")[1].split("/")[0])
        for k in variables
        if k.startswith("encoder/layer_") and k[14].isdigit()
    )
    for n in range(layers):
        there, here = f"encoder/layer_{n}/", f"layers.{n}."
        attention = there + "self_attention/"
        weight, bias = tensor(attention + "linear_0/weight"), tensor(attention + "linear_0/bias")
        for name, w, b in zip("qkv", weight.chunk(3), bias.chunk(3), strict=True):
            state[f"{here}self_attn.{name}_proj.weight"] = w
            if name != "k":
                state[f"{here}self_attn.{name}_proj.bias"] = b
        for mine, theirs in (
            ("self_attn.out_proj", attention + "linear_1"),
            ("fc1", there + "ffn/linear_0"),
            ("fc2", there + "ffn/linear_1"),
        ):
            state[f"{here}{mine}.weight"] = tensor(f"{theirs}/weight")
            state[f"{here}{mine}.bias"] = tensor(f"{theirs}/bias")
        _norm(state, f"{here}self_attn_layer_norm", tensor, attention + "layer_norm")
        _norm(state, f"{here}final_layer_norm", tensor, there + "ffn/layer_norm")
    return state


def _norm(state: dict[str, Tensor], name: str, tensor, there: str) -> None:  # type: ignore[no-untyped-def]
    state[f"{name}.weight"] = tensor(f"{there}/gamma")
    state[f"{name}.bias"] = tensor(f"{there}/beta")
