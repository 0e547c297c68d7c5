"""Captions to conditions: the decoder's own small text encoder.

Legend: B batch, L words, T condition tokens (4), D width (64). Each token is a *slot* that answers
one question: what, how many, where, how large.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor, nn

from nextgpt_depth.options import SLOT_WIDTH, SLOTS

LENGTH = 24
_PAD, _UNKNOWN, _START = 0, 1, 2


@cache
def words() -> dict[str, int]:
    """Each known word's number, from `words.txt`."""
    known = files("nextgpt_depth").joinpath("words.txt").read_text(encoding="utf-8").split()
    return {word: number for number, word in enumerate(known, start=_START + 1)}


def numbers(captions: Sequence[str]) -> Tensor:
    """B captions -> (B, L) numbers of words; longer captions are cut."""
    known = words()
    rows = [
        [_START, *(known.get(w, _UNKNOWN) for w in re.findall(r"[a-z]+", caption.lower()))][:LENGTH]
        for caption in captions
    ]
    longest = max(map(len, rows))
    return torch.tensor([row + [_PAD] * (longest - len(row)) for row in rows])


class CaptionEncoder(nn.Module):
    """Captions -> (B, T, D), normalised slot by slot."""

    def __init__(self, layers: int = 2) -> None:
        """Random weights on the current device."""
        super().__init__()
        width = SLOT_WIDTH
        self.words = nn.Embedding(len(words()) + _START + 1, width)
        self.places = nn.Parameter(torch.randn(LENGTH, width) * 0.1)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.slots = nn.Parameter(torch.randn(SLOTS, width) * 0.5)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)

    def forward(self, captions: Sequence[str]) -> Tensor:
        """B captions -> (B, T, D)."""
        ids_BL = numbers(captions).to(self.slots.device)
        padding_BL = ids_BL == _PAD
        x_BLD = self.words(ids_BL) + self.places[: ids_BL.shape[1]]
        x_BLD = self.layers(x_BLD, src_key_padding_mask=padding_BL)
        slots_BTD = self.slots.expand(len(captions), -1, -1)
        read_BTD, _ = self.attention(
            slots_BTD, x_BLD, x_BLD, key_padding_mask=padding_BL, need_weights=False
        )
        read_BTD = read_BTD + slots_BTD
        out_BTD: Tensor = self.norm(read_BTD + self.mix(read_BTD))
        return out_BTD
