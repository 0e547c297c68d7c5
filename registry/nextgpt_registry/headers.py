"""Names, shapes and types in a safetensors file, from its header. Reads no tensor, needs no torch.

A file begins with eight bytes, the length of the JSON that follows, little-endian.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class Tensor:
    """A tensor that is not read: its shape, and its type as safetensors spells it."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; of a compact one, those that it unpacks to.

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
        ends = [_end(name, entry) for name, entry in header.items()]
        if 8 + length + max(ends, default=0) != size:
            raise ValueError(f"{size} bytes, wanted {8 + length + max(ends, default=0)}")
        tensors = {
            name: Tensor(tuple(entry["shape"]), entry["dtype"]) for name, entry in header.items()
        }
    except (OSError, ValueError) as error:
        raise SourceError(
            str(path), f"is no whole safetensors file: {error}", "fetch or save it again"
        ) from error
    if metadata.get(_COMPACT[0]) == _COMPACT[1]:
        return {name: tensor for name, tensor in tensors.items() if not name.endswith(_SCALE)}
    return tensors


def _end(name: str, entry: Any) -> int:
    """Where the bytes of a tensor end, whose entry has the form that the format wants."""
    match entry:
        case {"dtype": str(), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            if 0 <= start <= end and all(type(side) is int and side >= 0 for side in shape):
                return end
    raise ValueError(f"the entry of {shortened(name)} is no tensor's")
