"""The encoder and the decoder of the toy plugin: tiny, real, and able to fail on demand.

Legend: B batch, T tokens, D width, P pixels (64).
"""

from __future__ import annotations

import os
import time
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from nextgpt_core.testing.toy import SIDE, PainterOptions
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch

_PIXELS = SIDE * SIDE


class _Seeded(nn.Module):
    """Random weights, the same in every process."""

    def __init__(self, options: BaseModel) -> None:
        super().__init__()
        self.options = options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.make()

    def make(self) -> None:
        """Create the layers."""
        raise NotImplementedError

    def load(self, paths: Mapping[str, Path]) -> None:
        """There is nothing to load."""


class RowEncoder(_Seeded):
    """A token for each row."""

    def make(self) -> None:
        """One matrix, and a normalization."""
        self.rows = nn.Sequential(nn.Linear(SIDE, 12), nn.LayerNorm(12))

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """N glyphs -> (N, 8, 8) from 0 to 1."""
        return torch.stack([torch.from_numpy(m.data.astype(np.float32) / 255) for m in media])

    def forward(self, x_BTD: Tensor) -> Tensor:
        """(B, 8, 8) -> (B, 8, 12)."""
        y_BTD: Tensor = self.rows(x_BTD)
        return y_BTD


class Painter(_Seeded):
    """Noise, refined in steps under a condition, as a diffusion model does."""

    def make(self) -> None:
        """A small network over the picture and the mean of the condition."""
        self.net = nn.Sequential(nn.Linear(_PIXELS + 12, 64), nn.Tanh(), nn.Linear(64, _PIXELS))
        self.words = nn.EmbeddingBag(256, 4 * 12, mode="mean")

    def batch_key(self, options: PainterOptions) -> Hashable:
        """Equal numbers of steps go together."""
        return options.steps, options.fail, options.step_s

    def decode(self, batch: DecodeBatch) -> list[Media]:
        """(B, 4, 12) -> B glyphs; the latest glyph of the conversation shines through."""
        x_BP, text_BD = _start(batch)
        options: PainterOptions = batch.options
        for step in range(options.steps):
            batch.on_step(step, options.steps)
            _fail(options)
            x_BP = x_BP + 0.5 * self.net(torch.cat((x_BP, text_BD), dim=-1))
        batch.on_step(options.steps, options.steps)
        grey_BP = (x_BP.sigmoid() * 255).round().to(torch.uint8).cpu().numpy()
        made = [Media("glyph", row.reshape(SIDE, SIDE)) for row in grey_BP]
        made = [_over(own, media) for own, media in zip(made, batch.taken, strict=True)]
        if options.fail == "layout":
            made = [Media("glyph", medium.data / 255) for medium in made]
        return made[:-1] if options.fail == "count" else made

    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Captions -> {"text": (B, 4, 12)}, from their bytes."""
        device = self.words.weight.device
        rows = [
            self.words(torch.tensor([list(caption.encode() or b" ")], device=device))
            for caption in captions
        ]
        return {"text": torch.stack(rows).reshape(len(captions), 4, 12)}

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """How far the first refinement of noise is from the glyphs: (B,)."""
        x_BP, text_BD = _start(batch)
        goal_BP = torch.stack([torch.from_numpy(m.data).float().flatten() / 255 for m in media])
        made_BP = (x_BP + self.net(torch.cat((x_BP, text_BD), dim=-1))).sigmoid()
        loss_B: Tensor = (made_BP - goal_BP.to(made_BP)).square().mean(dim=-1)
        return loss_B


def _start(batch: DecodeBatch) -> tuple[Tensor, Tensor]:
    """Noise (B, P) and the mean condition (B, D)."""
    text_BD = batch.conditions["text"].mean(dim=1)
    x_BP = torch.stack([torch.randn(_PIXELS, generator=g) for g in batch.generators])
    return x_BP.to(text_BD), text_BD


def _over(own: Media, taken: Sequence[Media]) -> Media:
    if not taken:
        return own
    mixed = (own.data.astype(np.uint16) + taken[0].data) // 2
    return Media("glyph", mixed.astype(np.uint8))


def _fail(options: PainterOptions) -> None:
    time.sleep(options.step_s)
    match options.fail:
        case "raise":
            raise ValueError("the painter was told to fail")
        case "shape":
            nn.Linear(3, 3)(torch.zeros(4))
        case "exit":
            os._exit(9)
        case "hang":
            time.sleep(3600)
