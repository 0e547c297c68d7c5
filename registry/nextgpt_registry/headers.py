"""Names, shapes and types in a safetensors file, from its header. Reads no tensor, needs no torch.

A file begins with eight bytes, the length of the JSON that follows, little-endian.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextgpt_registry.documents import json_of
from nextgpt_registry.errors import SourceError
from nextgpt_registry.paths import shortened

_LONGEST = 100_000_000  # bytes of header; the format's own limit
_COMPACT = ("nextgpt", "compact-1")
_SCALE = "@scale"
_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}

PART = "nextgpt.part"
"""The entry of a file's metadata that says which trained part it was written for."""


@dataclass(frozen=True)
class Tensor:
    """A tensor that is not read: its shape, and its type as safetensors spells it."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """The tensors of a file by name, and what its writer said of it."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    @property
    def part(self) -> str:
        """The trained part that it was written for; empty where nobody said."""
        return self.metadata.get(PART, "")


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; of a compact one, those that it unpacks to.

    Raises:
        SourceError: it is no safetensors file, or is cut off.
    """
    return read_whole_header(path).tensors


def read_whole_header(path: Path) -> Header:
    """The header of a safetensors file; of a compact one, with the tensors that it unpacks to.

    Raises:
        SourceError: it is no safetensors file, or is cut off.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_LONGEST, size - 8):
                raise ValueError(f"a header of {length} bytes in a file of {size}")
            header = json_of(file.read(length))
        if not isinstance(header, dict):
            raise ValueError(f"its header is a {type(header).__name__}")
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise ValueError(f"its __metadata__ is a {type(metadata).__name__}")
        for name, entry in header.items():
            _check_entry(name, entry)
        _check_offsets(header, size - 8 - length)
        tensors = {
            name: Tensor(tuple(map(int, entry["shape"])), str(entry["dtype"]))
            for name, entry in header.items()
        }
        compact = metadata.get(_COMPACT[0]) == _COMPACT[1]
    except (OSError, ValueError) as error:
        raise SourceError(
            str(path), f"is no whole safetensors file: {error}", "fetch or save it again"
        ) from error
    return Header(_unpacked(tensors) if compact else tensors, metadata)


def sort_metadata(path: Path) -> None:
    """Write a file's metadata in the order of its keys.

    safetensors writes several in any order, and equal content should be equal bytes.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        sorted_ = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        file.seek(8)
        file.write(sorted_.ljust(length))


def _check_offsets(header: dict[str, Any], size: int) -> None:
    """Hold that the tensors fill the file, one after the other, each as long as its shape says."""
    at = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, end = entry["data_offsets"]
        wanted = math.prod(entry["shape"]) * _BYTES.get(entry["dtype"], 0)
        if first != at or end < first or (wanted and end - first != wanted):
            raise ValueError(f"{name!r} lies at {first} to {end}, wanted {at} to {at + wanted}")
        at = end
    if at != size:
        raise ValueError(f"{size} bytes of tensors, wanted {at}")


def _unpacked(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a compact file's tensors are once each is multiplied with its scales."""
    scales = {name for name in packed if name.endswith(_SCALE) and name[: -len(_SCALE)] in packed}
    return {
        name: Tensor(tensor.shape, "F32") if name + _SCALE in scales else tensor
        for name, tensor in packed.items()
        if name not in scales
    }


def _check_entry(name: str, entry: Any) -> None:
    """Hold that the entry of a tensor has the form that the format wants."""
    match entry:
        case {"dtype": str(), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            if 0 <= start <= end and all(type(side) is int and side >= 0 for side in shape):
                return
    raise ValueError(f"the entry of {shortened(name)} is no tensor's")
