"""Judges of pictures, clips and sounds: what a medium shows, by a small trained network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nextgpt_registry.errors import SourceError
from nextgpt_registry.media import Media
from nextgpt_registry.tensors import load_compact
from nextgpt_world.judge.inputs import to_input
from nextgpt_world.judge.network import Network
from nextgpt_world.judge.questions import told
from nextgpt_world.split import Kind

WEIGHTS = Path(__file__).parent / "weights"
_BATCH = 64


class MediaJudge:
    """A judge of one kind of media, with the weights that ship or those of another folder."""

    def __init__(self, kind: Kind, folder: Path = WEIGHTS) -> None:
        """Reads nothing yet."""
        self.kind, self.folder = kind, folder

    @cached_property
    def ceiling(self) -> Mapping[str, float]:
        """By fact: the share it gets right on renderings it was not trained on."""
        found: dict[str, dict[str, float]] = json.loads(
            self._file("ceilings.json").read_text(encoding="utf-8")
        )
        if self.kind not in found:
            raise SourceError(
                f"judge of {self.kind}", "was never measured", f"`nextgpt world judge {self.kind}`"
            )
        return found[self.kind]

    @cached_property
    def network(self) -> Network:
        """The trained network."""
        network = Network(self.kind)
        network.load_state_dict(load_compact(self._file(f"{self.kind}.safetensors")))
        return network.eval()

    @torch.no_grad()
    def facts(self, answers: Sequence[Media]) -> list[dict[str, str]]:
        """N media -> N mappings of fact to answer."""
        found = []
        for start in range(0, len(answers), _BATCH):
            scores = self.network(to_input(self.kind, answers[start : start + _BATCH]))
            chosen = torch.stack([s.argmax(-1) for s in scores], 1)
            found += [told(self.kind, row) for row in chosen.tolist()]
        return found

    @torch.no_grad()
    def features(self, answers: Sequence[Media]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """N media -> (N, D): what the network saw, before it answers."""
        found = [
            self.network.look(to_input(self.kind, answers[start : start + _BATCH]))
            for start in range(0, len(answers), _BATCH)
        ]
        return torch.cat(found).numpy()

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise SourceError(str(path), "no such file", f"`nextgpt world judge {self.kind}`")
        return path
