"""A plugin with a modality that no one else has: `glyph`, a square of 8x8 grey values.

Its encoder and decoder are real and tiny; the decoder's options make it fail on demand.
A glyph's data is a NumPy array (8, 8) of uint8; its file is `GLYPH` and 64 bytes.
Legend: B batch, T tokens, D width, P pixels (64).
"""

from __future__ import annotations

import os
import time
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Generator, Tensor, nn

from nextgpt_registry import hookimpl
from nextgpt_registry.content import replace_file
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.protocols import OnStep
from nextgpt_registry.specs import Condition, Decoder, Encoder, Limit, Manifest, Modality

_MAGIC = b"GLYPH"
_SIDE = 8
_PIXELS = _SIDE * _SIDE

MANIFEST = Manifest(
    summary="Glyphs, for tests",
    license="Apache-2.0",
    modalities=(
        Modality(
            name="glyph",
            summary="a square of 8x8 grey values",
            mime=("image/x-glyph",),
            suffixes=(".glyph",),
            limits=(Limit(of="bytes", at_most=1024),),
        ),
    ),
    encoders=(
        Encoder(
            name="rows",
            modality="glyph",
            tokens=_SIDE,
            width=12,
            target=f"{__name__}:RowEncoder",
        ),
    ),
    decoders=(
        Decoder(
            name="painter",
            modality="glyph",
            signals=3,
            conditions=(Condition(name="text", tokens=4, width=12),),
            target=f"{__name__}:Painter",
            options=f"{__name__}:PainterOptions",
            takes=("glyph",),
            captions=True,
        ),
    ),
)


class PainterOptions(BaseModel):
    """How to paint, and how to fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=3, gt=0)
    step_s: float = Field(default=0.0, ge=0)  # how long a step takes
    contrast: float = 1.0  # does not keep items from sharing a call
    fail: Literal["", "raise", "shape", "count", "exit", "hang"] = ""


def glyph(seed: int = 0) -> Media:
    """A random glyph."""
    pixels = np.random.default_rng(seed).integers(0, 256, (_SIDE, _SIDE), dtype=np.uint8)
    return Media("glyph", pixels)


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
        self.rows = nn.Sequential(nn.Linear(_SIDE, 12), nn.LayerNorm(12))

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

    def decode(
        self,
        conditions: Mapping[str, Tensor],
        *,
        taken: Sequence[Sequence[Media]],
        options: PainterOptions,
        generators: Sequence[Generator],
        on_step: OnStep,
    ) -> list[Media]:
        """(B, 4, 12) -> B glyphs; the latest glyph of the conversation shines through."""
        text_BD = conditions["text"].mean(dim=1)
        x_BP = torch.stack([torch.randn(_PIXELS, generator=g) for g in generators]).to(text_BD)
        for step in range(options.steps):
            on_step(step, options.steps)
            _fail(options)
            x_BP = x_BP + 0.5 * self.net(torch.cat((x_BP, text_BD), dim=-1))
        on_step(options.steps, options.steps)
        grey_BP = (x_BP.sigmoid() * 255).round().to(torch.uint8).cpu().numpy()
        made = [Media("glyph", row.reshape(_SIDE, _SIDE)) for row in grey_BP]
        made = [_over(own, media) for own, media in zip(made, taken, strict=True)]
        return made[:-1] if options.fail == "count" else made

    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Captions -> {"text": (B, 4, 12)}, from their bytes."""
        device = self.words.weight.device
        rows = [
            self.words(torch.tensor([list(caption.encode() or b" ")], device=device))
            for caption in captions
        ]
        return {"text": torch.stack(rows).reshape(len(captions), 4, 12)}

    def denoising_loss(
        self,
        media: Sequence[Media],
        conditions: Mapping[str, Tensor],
        generators: Sequence[Generator],
    ) -> Tensor:
        """How far the first refinement of noise is from the glyphs: (B,)."""
        text_BD = conditions["text"].mean(dim=1)
        x_BP = torch.stack([torch.randn(_PIXELS, generator=g) for g in generators]).to(text_BD)
        goal_BP = torch.stack([torch.from_numpy(m.data).float().flatten() / 255 for m in media])
        made_BP = (x_BP + self.net(torch.cat((x_BP, text_BD), dim=-1))).sigmoid()
        loss_B: Tensor = (made_BP - goal_BP.to(made_BP)).square().mean(dim=-1)
        return loss_B


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


class ToyPlugin:
    """The hooks; give `ToyPlugin()` to a `Catalog.of` or a `Builder`."""

    @hookimpl
    def nextgpt_manifest(self) -> Manifest:
        """The declaration."""
        return MANIFEST

    @hookimpl
    def nextgpt_read_media(self, modality: str, blob: Blob) -> Media | None:
        """Read a glyph."""
        if modality != "glyph" or not blob.data.startswith(_MAGIC):
            return None
        pixels = np.frombuffer(blob.data[len(_MAGIC) :], dtype=np.uint8)
        if pixels.size != _PIXELS:
            raise MediaError(blob.name, f"has {pixels.size} pixels", f"wanted {_PIXELS}")
        return Media("glyph", pixels.reshape(_SIDE, _SIDE), source=blob.name)

    @hookimpl
    def nextgpt_write_media(self, media: Media, stem: Path) -> Path | None:
        """Write a glyph."""
        if media.modality != "glyph":
            return None
        data: Any = media.data
        return replace_file(stem.with_name(f"{stem.name}.glyph"), _MAGIC + data.tobytes())
