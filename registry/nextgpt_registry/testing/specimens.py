"""Bytes that no modality should take for its own, damage, and a writer that only listens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

FOREIGN = {
    "a PDF": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "an executable": b"\x7fELF\x02\x01\x01" + bytes(57),
    "noise": random.Random(0).randbytes(300),
}


class Recorder:
    """Stands where a SummaryWriter would."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("add_"):
            raise AttributeError(name)
        return lambda *arguments, **options: self.calls.append(name)


def damaged_forms(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The same damage every time: ends cut off, bytes altered."""
    chance = random.Random(0)
    for length in sorted({0, 1, 4, 12, len(data) // 2, len(data) - 1}):
        yield f"cut after {length} bytes", data[:length]
    for _ in range(30):
        altered = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            altered[chance.randrange(len(data))] = chance.randrange(256)
        yield "with altered bytes", bytes(altered)
