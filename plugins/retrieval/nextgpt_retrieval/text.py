"""Captions as vectors: hashed words and parts of words, weighed and added. Knows no list of words.

A word is the mean of what is learned for it and for its runs of 3 to 5 letters, so a word that was
never trained on has a vector too, near those of its inflections (fastText, Bojanowski et al.,
2017); how much it counts beside others is learned in the same way. Pairs of neighbours count a
little. Legend: B captions, U different words, P parts, D width.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize

from nextgpt_registry.tensors import load_compact
from nextgpt_retrieval.options import TOKENS, WIDTH

BUCKETS = 4096
DIM = TOKENS * WIDTH
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PAIR = 0.3  # what a pair of neighbours counts beside a word


class CaptionEncoder(nn.Module):
    """B captions -> (B, D) of length 1; a caption without a word in it is 0."""

    def __init__(self) -> None:
        """Build on the current device with random weights."""
        super().__init__()
        self.table = nn.Parameter(torch.randn(BUCKETS, DIM) / DIM**0.5)
        self.gate = nn.Parameter(torch.zeros(BUCKETS, 1))

    def load(self, path: Path) -> None:
        """Load a compact safetensors file."""
        self.load_state_dict(load_compact(path))

    def forward(self, captions: Sequence[str]) -> Tensor:
        """B captions -> (B, D) float32."""
        split = [units(caption) for caption in captions]
        known = {unit: n for n, unit in enumerate(dict.fromkeys(u for s in split for u in s))}
        x_UD, gate_U = self._units(list(known))
        ids, starts = _bag([[known[unit] for unit in one] for one in split], x_UD.device)
        summed = embedding_bag(ids, x_UD, starts, mode="sum", per_sample_weights=gate_U[ids])
        return normalize(summed, dim=-1)

    def _units(self, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """U words and pairs -> (U, D), and (U,) how much each counts."""
        ids, starts = _bag([parts(name) for name in names], self.table.device)
        x_UD = embedding_bag(ids, self.table.float(), starts, mode="mean")
        gate_U1 = embedding_bag(ids, self.gate.float(), starts, mode="mean")
        of_kind = [_PAIR if _is_pair(name) else 1.0 for name in names]
        return x_UD, gate_U1[:, 0].exp() * torch.tensor(of_kind, device=x_UD.device)


def as_condition(x_BD: Tensor) -> Tensor:
    """(B, D) of length 1 -> (B, TOKENS, WIDTH), each number of about unit size."""
    return (x_BD * DIM**0.5).unflatten(-1, (TOKENS, WIDTH))


def as_query(condition_BTW: Tensor) -> Tensor:
    """(B, TOKENS, WIDTH) -> (B, D) of length 1.

    Raises:
        ValueError: it has other sizes.
    """
    if condition_BTW.shape[1:] != (TOKENS, WIDTH):
        raise ValueError(f"a query of {tuple(condition_BTW.shape[1:])}, wanted {(TOKENS, WIDTH)}")
    return normalize(condition_BTW.float().flatten(1), dim=-1)


def words(caption: str) -> list[str]:
    """In lower case, without marks; the digits of small numbers as words."""
    plain = unicodedata.normalize("NFKC", caption).casefold()
    found = _WORD.findall(plain)
    return [_DIGITS[int(w)] if w.isdecimal() and int(w) < len(_DIGITS) else w for w in found]


def units(caption: str) -> list[str]:
    """Its words, then its pairs of neighbours."""
    found = words(caption)
    return [*found, *(f"{a} {b}" for a, b in pairwise(found))]


@lru_cache(maxsize=100_000)
def parts(unit: str) -> tuple[int, ...]:
    """The buckets of a word and of its runs of 3 to 5 letters; of a pair, its own alone."""
    if _is_pair(unit):
        return (_bucket(unit),)
    marked = f"<{unit}>"
    runs = {marked[n : n + size] for size in (3, 4, 5) for n in range(len(marked) - size + 1)}
    return (_bucket(unit), *(_bucket(run) for run in sorted(runs - {marked})))


def _bucket(text: str) -> int:
    return crc32(text.encode()) % BUCKETS


def _is_pair(unit: str) -> bool:
    return " " in unit


def _bag(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of numbers, one after the other, and where each starts."""
    flat = [number for row in rows for number in row]
    starts = [0]
    for row in rows[:-1]:
        starts.append(starts[-1] + len(row))
    as_tensor = [torch.tensor(one, dtype=torch.long, device=device) for one in (flat, starts)]
    return as_tensor[0], as_tensor[1][: len(rows)]
