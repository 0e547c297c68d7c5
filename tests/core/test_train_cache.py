"""What a cache on disk lets go of: what was used longest ago, and no more than it must."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from nextgpt_core.features.cache import TensorCache

ROOM_FOR_TWO = {"memory_bytes": 0, "disk_bytes": 10_000}


def ask(cache: TensorCache, name: str) -> None:
    cache.get_or_make(
        "x", [name], lambda places: [torch.zeros(1000) for _ in places]
    )  # 4 kB, and a header


def test_another_process_knows_what_was_used_longest_ago(tmp_path: Path) -> None:
    first = TensorCache(tmp_path, **ROOM_FOR_TWO)
    for name, age in (("a", 2000), ("b", 1000)):
        before = set(tmp_path.glob("*/*"))
        ask(first, name)
        [file] = {path for path in tmp_path.glob("*/*") if path.is_file()} - before
        os.utime(file, (file.stat().st_mtime - age,) * 2)
    ask(first, "a")

    second = TensorCache(tmp_path, **ROOM_FOR_TWO)
    for name in "ca":
        ask(second, name)

    assert (first.made, second.made) == (2, 1)  # `b` went for `c`


def test_what_is_made_again_takes_its_room_once(tmp_path: Path) -> None:
    cache = TensorCache(tmp_path, **ROOM_FOR_TWO)
    ask(cache, "a")
    [file] = (path for path in tmp_path.glob("*/*") if path.is_file())
    ask(cache, "b")
    for _ in range(3):
        file.write_bytes(b"torn")
        ask(cache, "a")

    ask(cache, "b")

    assert cache.made == 2 + 3
