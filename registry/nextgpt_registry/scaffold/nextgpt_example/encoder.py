"""From media to features. B batch, T tokens, W numbers in a window, D width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from nextgpt_registry import Media
# +trainable
from safetensors.torch import load_file
# -trainable
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nextgpt_example.options import EncoderOptions


class Windows(nn.Module):
    # +untrained
    """Eight windows over the whole of it. Untrained: put your model here."""
    # -untrained
    # +trainable
    """Eight windows over the whole of it: put your model here."""
    # -trainable

    def __init__(self, options: EncoderOptions) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the same in every process
            layers = [nn.Linear(8, 32)]
            layers += [nn.Linear(32, 32) for _ in range(options.layers - 1)]
            self.layers = nn.Sequential(*layers, nn.LayerNorm(32))

    def load(self, paths: Mapping[str, Path]) -> None:
        # +untrained
        """Load the files that the declaration names under `weights`: none yet."""
        # -untrained
        # +trainable
        """Load the files that the declaration names under `weights`."""
        self.load_state_dict(load_file(paths["model"]))
        # -trainable

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B media of any length -> (B, T, W)."""
        rows = [torch.tensor(medium.data)[None, None] for medium in media]
        return torch.cat([interpolate(row, 64, mode="linear").view(1, 8, 8) for row in rows])

    def forward(self, x_BTW: Tensor) -> Tensor:
        """(B, T, W) -> (B, T, D)."""
        return self.layers(x_BTW)
