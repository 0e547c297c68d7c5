"""Python's `hash` of text, as another process would have it. Knows no component.

A process of its own would take seconds for each decoder, most of them to import torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def other_hashes(target: str) -> Iterator[None]:
    """Give the modules of a target's package another `hash` of text; sets and dicts keep theirs."""
    package = target.partition(":")[0].partition(".")[0]
    loaded = [m for name, m in sys.modules.items() if name.partition(".")[0] == package]
    with pytest.MonkeyPatch.context() as patch:
        for module in loaded:
            if "hash" not in vars(module):
                patch.setattr(module, "hash", _another, raising=False)
        yield


def _another(value: object) -> int:
    return hash((value, "another process")) if _holds_text(value) else hash(value)


def _holds_text(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return any(map(_holds_text, value))
    return isinstance(value, str | bytes)
