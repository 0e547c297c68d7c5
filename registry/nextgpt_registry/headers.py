"""Names, shapes and types in a safetensors file, from its header. Reads no tensor, needs no torch.

A file begins with eight bytes, the length of the JSON that follows, little-endian.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextgpt_registry.errors import SourceError

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
            header: dict[str, Any] = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        ends = [entry["data_offsets"][1] for entry in header.values()]
        if 8 + length + max(ends, default=0) != size:
            raise ValueError(f"{size} bytes, wanted {8 + length + max(ends, default=0)}")
        tensors = {
            name: Tensor(tuple(entry["shape"]), entry["dtype"]) for name, entry in header.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            str(path), f"is no whole safetensors file: {error}", "fetch or save it again"
        ) from error
    if metadata.get(_COMPACT[0]) == _COMPACT[1]:
        return {name: tensor for name, tensor in tensors.items() if not name.endswith(_SCALE)}
    return tensors
