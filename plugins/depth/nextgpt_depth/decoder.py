"""From conditions to depth maps: flow matching in pixels, by a small U-Net.

Legend: B batch, C channels, H W height and width of the map (64), T D condition tokens and width.

Noise sigma in [0, 1] blends a map into noise along a straight line (Lipman et al., 2023). The
network foretells the map itself, and is judged by the velocity that follows (Li and He, 2025): a
small one cannot foretell noise. It works on patches of 4 x 4 pixels, and of 8 x 8 inside.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, silu

from nextgpt_depth.captions import CaptionEncoder
from nextgpt_depth.encoder import placed
from nextgpt_depth.maps import from_maps, to_maps
from nextgpt_depth.options import SIDE, SLOT_WIDTH, SLOTS, DecoderOptions
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.tensors import load_compact

PATCH = 4
SHIFT = 2.0
"""How far training's noise is moved towards the noisiest: what stands where is decided there."""
LEAST = 0.1
"""The least noise that a velocity is divided by."""


class DepthDecoder(nn.Module):
    """Caption encoder and denoiser; maps of 64 x 64."""

    def __init__(self, options: DecoderOptions) -> None:
        """Random weights on the current device."""
        super().__init__()
        self.text = CaptionEncoder(options.text_layers)
        self.denoiser = Denoiser(options.channels)
        self.eval()

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `text` and `denoiser`."""
        self.text.load_state_dict(load_compact(paths["text"]))
        self.denoiser.load_state_dict(load_compact(paths["denoiser"]))

    def batch_key(self, options: DecoderOptions) -> Hashable:
        """Equal steps and guidance may share a call."""
        return options.steps, options.guidance

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> {"text": (B, T, D)}."""
        return {"text": self.text(captions)}

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """B depth maps, {"text": (B, T, D)} -> (B,) mean squared velocity errors."""
        text_BTD = batch.conditions["text"]
        return self.map_loss(to_maps(media).to(text_BTD), text_BTD, batch.generators)

    def map_loss(self, x_BCHW: Tensor, text_BTD: Tensor, generators: Sequence[Generator]) -> Tensor:
        """(B, 1, H, W), (B, T, D) -> (B,): the flow-matching loss at a random noise each."""
        sigma_B = torch.stack([torch.randn((), generator=g) for g in generators]).sigmoid()
        sigma_B = (SHIFT * sigma_B / (1 + (SHIFT - 1) * sigma_B)).to(x_BCHW)
        noise = _noise(generators).to(x_BCHW)
        sigma = sigma_B[:, None, None, None]
        found = self.denoiser((1 - sigma) * x_BCHW + sigma * noise, sigma_B, text_BTD)
        return ((found.float() - x_BCHW) / sigma.clamp(min=LEAST)).square().mean((1, 2, 3))

    @torch.no_grad()
    def decode(self, batch: DecodeBatch) -> list[Media]:
        """{"text": (B, T, D)} -> B depth maps; guidance runs as one batched call."""
        options, text_BTD = batch.options, batch.conditions["text"]
        count, guided = len(batch), options.guidance > 1
        if guided:
            nothing = self.text([""]).to(text_BTD).expand(count, -1, -1)
            text_BTD = torch.cat([text_BTD, nothing])
        x = _noise(batch.generators).to(text_BTD)
        levels = _levels(options.steps)
        for done, (sigma, after) in enumerate(pairwise(levels)):
            batch.on_step(done, options.steps)
            given = torch.cat([x, x]) if guided else x
            found = self.denoiser(given, given.new_full((len(given),), sigma), text_BTD)
            if guided:
                with_text, without = found.chunk(2)
                found = without + options.guidance * (with_text - without)
            x = found + (x - found) * (after / sigma)
        batch.on_step(options.steps, options.steps)
        return from_maps(x)


class Denoiser(nn.Module):
    """A noisy map, how noisy it is, and a condition -> the map."""

    def __init__(self, channels: int) -> None:
        """Random weights on the current device."""
        super().__init__()
        inner, told = channels * 3 // 2, 2 * channels
        self.told = nn.Linear(SLOTS * SLOT_WIDTH, told)
        self.noise = nn.Sequential(nn.Linear(16, told), nn.SiLU(), nn.Linear(told, told))
        self.into = nn.Conv2d(PATCH**2 + 2, channels, 3, padding=1)
        self.first = _Residual(channels, channels, told)
        self.down = nn.Conv2d(channels, inner, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(_Residual(inner, inner, told) for _ in range(3))
        self.up = nn.Conv2d(inner, channels, 1)
        self.last = _Residual(2 * channels, channels, told)
        self.out = nn.Conv2d(channels, PATCH**2, 3, padding=1)

    def forward(self, x_BCHW: Tensor, sigma_B: Tensor, text_BTD: Tensor) -> Tensor:
        """(B, 1, H, W), (B,), (B, T, D) -> (B, 1, H, W)."""
        told = silu(self.told(text_BTD.flatten(1)) + self.noise(_waves(sigma_B)))
        x = self.first(self.into(placed(pixel_unshuffle(x_BCHW, PATCH))), told)
        y = self.down(x)
        for residual in self.middle:
            y = residual(y, told)
        y = interpolate(self.up(y), scale_factor=2.0, mode="nearest")
        x = self.last(torch.cat([x, y], 1), told)
        return pixel_shuffle(self.out(silu(x)), PATCH)


class _Residual(nn.Module):
    """(B, C, H, W), (B, told) -> (B, C', H, W)."""

    def __init__(self, before: int, after: int, told: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, before)
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.between = nn.GroupNorm(8, after)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.tell = nn.Linear(told, 2 * after)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, 1)
        y = self.between(self.first(silu(self.norm(x)))) * (1 + scale) + shift
        summed: Tensor = self.skip(x) + self.second(silu(y))
        return summed


def _waves(sigma_B: Tensor) -> Tensor:
    """(B,) -> (B, 16): octaves of waves."""
    angles = sigma_B[:, None] * (torch.pi * 2.0 ** torch.arange(-1, 7)).to(sigma_B)
    return torch.cat([angles.sin(), angles.cos()], 1)


def _levels(steps: int) -> list[float]:
    """Noise before each step, and 0 at last; finer where it is noisy."""
    even = [1 - n / steps for n in range(steps + 1)]
    return [SHIFT * s / (1 + (SHIFT - 1) * s) for s in even]


def _noise(generators: Sequence[Generator]) -> Tensor:
    return torch.stack([torch.randn((1, SIDE, SIDE), generator=g) for g in generators])
