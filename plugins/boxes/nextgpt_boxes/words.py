"""What is looked for, in words: captions to conditions. Knows no picture.

Legend: B batch, T tokens of the condition (2), D width (96).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor, nn

from nextgpt_boxes.options import TOKENS, WIDTH

EVERYTHING = "every thing"
"""The caption of all that is in a picture; others are `the cat` and `the thing at the top`."""

_ASKING = ("every", "thing", "left", "right", "top", "bottom", "centre")
_INSIDE = 64


@cache
def labels() -> tuple[str, ...]:
    """The things that the shipped weights know, in the order of their classes."""
    found = json.loads(files("nextgpt_boxes").joinpath("labels.json").read_text(encoding="utf-8"))
    return tuple(found)


@cache
def _numbers() -> dict[str, int]:
    words = dict.fromkeys((*_ASKING, *(w for label in labels() for w in _split(label))))
    return {word: n for n, word in enumerate(words)}


def _split(caption: str) -> list[str]:
    return re.findall(r"[a-z]+", caption.lower())


class CaptionEncoder(nn.Module):
    """Captions -> (B, T, D), each token normalised. The order of words means nothing here."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        self.words = nn.EmbeddingBag(len(_numbers()), _INSIDE, mode="sum")
        self.mix = nn.Sequential(
            nn.Linear(_INSIDE, 2 * _INSIDE), nn.GELU(), nn.Linear(2 * _INSIDE, TOKENS * WIDTH)
        )
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)

    def forward(self, captions: Sequence[str]) -> Tensor:
        """B captions -> (B, T, D); words that are not known count for nothing."""
        bags = [[_numbers()[w] for w in _split(c) if w in _numbers()] for c in captions]
        device = self.words.weight.device
        starts = torch.tensor([sum(map(len, bags[:n])) for n in range(len(bags))], device=device)
        ids = torch.tensor([n for bag in bags for n in bag], dtype=torch.long, device=device)
        out_BTD: Tensor = self.norm(self.mix(self.words(ids, starts)).view(-1, TOKENS, WIDTH))
        return out_BTD
