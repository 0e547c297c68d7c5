"""What tells one language model's weights from another's. Needs no torch, and loads none of them.

Hashing all of fourteen gigabytes would take longer than loading them. So of each tensor the name,
type and shape are hashed, and its bytes: all of a small one, and blocks spread evenly over a large
one. Training moves nearly every number of the tensors that it trains, and finds none of them
unread; somebody who changes a single number on purpose may go unnoticed. A pin, `llm.sha256`,
covers every byte. How the tensors are spread over files makes no difference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from nextgpt_registry.headers import read_header

_WHOLE = 1 << 20  # bytes of a tensor that is hashed in full
_BLOCKS, _BLOCK = 32, 4096  # how many of a larger one, and how long
_OTHER = ("*.bin", "*.pt", "*.pth")


def origin_of(folder: Path) -> str | None:
    """A digest of the weights in a folder; None where there are none.

    Raises:
        SourceError: a safetensors file is not whole.
    """
    told: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.safetensors")):
        told += _tensors(path)
    if not told:
        files = sorted(path for pattern in _OTHER for path in folder.glob(pattern))
        told = [(path.name, _digest_of_file(path)) for path in files]
    if not told:
        return None
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()


def _tensors(path: Path) -> Iterator[tuple[str, str]]:
    """(name, digest) of each tensor in a safetensors file."""
    read_header(path)  # which holds that it is one, and whole
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            kind = f"{entry['dtype']} {entry['shape']}"
            yield name, f"{kind} {_digest(file, start, end)}"


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return _digest(file, 0, path.stat().st_size)


def _digest(file: BufferedReader, start: int, end: int) -> str:
    """The sha256 of bytes `start` to `end`, or of blocks of them: the first, the last, between."""
    if end - start <= _WHOLE:
        file.seek(start)
        return hashlib.sha256(file.read(end - start)).hexdigest()
    found = hashlib.sha256()
    for at in range(_BLOCKS):
        file.seek(start + (end - start - _BLOCK) * at // (_BLOCKS - 1))
        found.update(file.read(_BLOCK))
    return found.hexdigest()
