"""The judge of depth maps: what a map shows, by a small network with weights of its own.

Legend: B batch, C channels, H W height and width, D width of a summary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nextgpt_depth.encoder import block, placed
from nextgpt_depth.maps import to_maps
from nextgpt_depth.train.describe import FACTS, answers
from nextgpt_registry.errors import SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.tensors import load_compact
from nextgpt_world.judge.questions import MEDIUM

WEIGHTS = Path(__file__).parents[1] / "weights"
_BATCH = 64
_WIDTHS = (24, 48, 72, 96)
_CELLS = 8


class Network(nn.Module):
    """Maps -> the scores of every answer to every question."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        before = (3, *_WIDTHS)
        self.layers = nn.Sequential(
            *(m for a, b in zip(before, _WIDTHS, strict=False) for m in block(a, b, stride=2))
        )
        self.where = nn.Conv2d(_WIDTHS[-1], _CELLS, 1)
        self.drop = nn.Dropout(0.1)
        width = _WIDTHS[-1] + 16 * _CELLS
        self.heads = nn.ModuleList(nn.Linear(width, len(answers(fact))) for fact in FACTS)

    def look(self, x_BCHW: Tensor) -> Tensor:
        """(B, 1, 64, 64) -> (B, D): averages, and a few numbers of each of 4 x 4 cells."""
        seen = self.layers(placed(x_BCHW))
        return torch.cat([seen.mean((2, 3)), self.where(seen).flatten(1)], 1)

    def forward(self, x_BCHW: Tensor) -> list[Tensor]:
        """(B, 1, 64, 64) -> for each question (B, answers)."""
        seen_BD = self.drop(self.look(x_BCHW))
        return [head(seen_BD) for head in self.heads]


class DepthJudge:
    """Reads object, count, place and size off a depth map."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        """Reads nothing yet."""
        self.folder = folder

    @cached_property
    def ceiling(self) -> Mapping[str, float]:
        """By fact: the share it gets right on true maps it was not trained on."""
        found: dict[str, float] = json.loads(self._file("ceiling.json").read_text("utf-8"))
        return found

    @cached_property
    def network(self) -> Network:
        """The trained network."""
        network = Network()
        network.load_state_dict(load_compact(self._file("judge.safetensors")))
        return network.eval()

    @torch.no_grad()
    def facts(self, media: Sequence[Media]) -> list[dict[str, str]]:
        """N depth maps -> N mappings of fact to answer."""
        found = []
        for start in range(0, len(media), _BATCH):
            scores = self.network(to_maps(media[start : start + _BATCH]))
            chosen = torch.stack([s.argmax(-1) for s in scores], 1)
            found += [_told(row) for row in chosen.tolist()]
        return found

    @torch.no_grad()
    def features(self, media: Sequence[Media]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """N depth maps -> (N, D): what the network saw, before it answers."""
        found = [
            self.network.look(to_maps(media[start : start + _BATCH]))
            for start in range(0, len(media), _BATCH)
        ]
        return torch.cat(found).numpy()

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise SourceError(str(path), "no such file", "`nextgpt depth train judge`")
        return path


def _told(chosen: list[int]) -> dict[str, str]:
    """Answers by number -> facts; of several things neither place nor size, and no medium size."""
    found = {fact: answers(fact)[n] for fact, n in zip(FACTS, chosen, strict=True)}
    left_out = {"place", "size"} if found["count"] != "one" else set()
    if found["size"] == MEDIUM:
        left_out.add("size")
    return {fact: value for fact, value in found.items() if fact not in left_out}
