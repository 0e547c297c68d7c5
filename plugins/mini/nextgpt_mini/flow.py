"""The one generator behind mini's three decoders: flow matching on latents, driven by captions.

Legend: B batch, c latent channels, f frames, h w latent height and width, T D condition.

A latent is always (B, c, f, h, w); a picture and a spectrogram have one frame. The network is
diffusers' Wan transformer; from noise to latents it goes by Euler's method
(Lipman et al., 2023; Esser et al., 2024: time drawn from a logit-normal, and shifted).

The transformer's rotary positions are relative, and a flat ground gives no hint of where its
edges are: without `_where`, channels that say so, things land anywhere and wrap around.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch import Generator, Tensor, nn

from nextgpt_mini.latents import Latents
from nextgpt_mini.options import CONDITION_WIDTH, DecoderOptions
from nextgpt_mini.text import CaptionEncoder
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.tensors import load_compact

SHIFT = 3.0
"""How far times are moved towards noise: what stands where is decided at the very noisiest."""
LEAST_SIGMA = 0.01
"""What a clean prediction is divided by at least."""
HEAVIEST_SIGMA = 0.3
"""Below, its error weighs no more than here."""


@dataclass(frozen=True)
class Shape:
    """What a decoder's latents look like and how the transformer cuts them."""

    kept: int
    frames: int
    height: int
    width: int
    patch: tuple[int, int, int] = (1, 2, 2)
    clean: bool = False
    """Whether the transformer predicts the latents themselves, and not their velocity: where a
    token holds many values, a narrow one cannot carry their noise through (Li and He, 2025)."""


class FlowDecoder(nn.Module):
    """Text encoder, latents and flow transformer; subclasses know what a medium is."""

    shape: Shape
    where: Tensor

    def __init__(self, options: DecoderOptions) -> None:
        """Build on the current device with random weights."""
        super().__init__()
        self.options = options
        self.text = CaptionEncoder(options.text_layers)
        self.latents = self.make_latents()
        self.register_buffer("where", _where(self.shape), persistent=False)
        head = 64 if options.hidden % 64 == 0 else 16
        self.denoiser = WanTransformer3DModel(
            patch_size=self.shape.patch,
            num_attention_heads=options.hidden // head,
            attention_head_dim=head,
            in_channels=self.shape.kept + len(self.where),
            out_channels=self.shape.kept,
            text_dim=CONDITION_WIDTH,
            freq_dim=128,
            ffn_dim=4 * options.hidden,
            num_layers=options.layers,
            cross_attn_norm=True,
            rope_max_seq_len=32,
        )
        self.eval()

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `text`, `latents` and `denoiser`."""
        self.text.load_state_dict(load_compact(paths["text"]))
        self.latents.load_state_dict(load_compact(paths["latents"]))
        self.denoiser.load_state_dict(load_compact(paths["denoiser"]))

    # what a subclass fills in

    def make_latents(self) -> Latents:
        """Random ones, of `shape.kept` components."""
        raise NotImplementedError

    def to_pixels(self, media: Sequence[Media]) -> Tensor:
        """B media -> (B * frames, C, H, W) in [-1, 1]."""
        raise NotImplementedError

    def to_media(self, x: Tensor) -> list[Media]:
        """(B * frames, C, H, W) -> B media."""
        raise NotImplementedError

    # the protocol

    def batch_key(self, options: DecoderOptions) -> Hashable:
        """Equal steps and guidance may share a call."""
        return options.steps, options.guidance

    @torch.no_grad()
    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> {"text": (B, T, D)}."""
        return {"text": self.text(captions)}

    @torch.no_grad()
    def encode(self, media: Sequence[Media]) -> Tensor:
        """B media -> (B, c, f, h, w)."""
        return self.pack(self.latents.encode(self.to_pixels(media)))

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """B media, {"text": (B, T, D)} -> (B,) mean squared velocity errors."""
        return self.latent_loss(self.encode(media), batch.conditions["text"], batch.generators)

    def latent_loss(
        self, x_Bcfhw: Tensor, text_BTD: Tensor, generators: Sequence[Generator]
    ) -> Tensor:
        """(B, c, f, h, w), (B, T, D) -> (B,): the flow-matching loss at a random time each."""
        device = x_Bcfhw.device
        sigma_B = torch.stack([torch.randn((), generator=g) for g in generators]).sigmoid()
        sigma_B = _shifted(sigma_B)
        noise = self._noise(generators, x_Bcfhw.shape[1:]).to(device)
        sigma = sigma_B.to(device)[:, None, None, None, None]
        noisy = (1 - sigma) * x_Bcfhw + sigma * noise
        velocity = self._velocity(noisy, sigma_B.to(device) * 1000, text_BTD)
        error_B = (velocity.float() - (noise - x_Bcfhw)).square().mean((1, 2, 3, 4))
        if self.shape.clean:  # divided by its sigma, an error at little noise would outweigh all
            error_B = error_B * (sigma_B.to(device) / HEAVIEST_SIGMA).clamp_max(1).square()
        return error_B

    @torch.no_grad()
    def decode(self, batch: DecodeBatch) -> list[Media]:
        """{"text": (B, T, D)} -> B media; guidance runs as one batched call."""
        options, text_BTD = batch.options, batch.conditions["text"]
        count, device = len(batch), text_BTD.device
        guided = options.guidance > 1
        if guided:
            nothing = self.text([""]).to(text_BTD.dtype).expand(count, -1, -1)
            text_BTD = torch.cat([text_BTD, nothing])
        sigmas = _shifted(1 - torch.arange(options.steps + 1) / options.steps).tolist()
        x = self._noise(batch.generators, self._latent_size()).to(device, text_BTD.dtype)
        for done, (sigma, after) in enumerate(pairwise(sigmas)):
            batch.on_step(done, options.steps)
            given = torch.cat([x, x]) if guided else x
            time_B = torch.full((len(given),), 1000 * sigma, device=device)
            velocity = self._velocity(given, time_B, text_BTD)
            if guided:
                with_text, without = velocity.chunk(2)
                velocity = without + options.guidance * (with_text - without)
            x = x + (after - sigma) * velocity
        batch.on_step(options.steps, options.steps)
        return self.to_media(self.latents.decode(self.unpack(x)).float())

    def _velocity(self, x_Bcfhw: Tensor, time_B: Tensor, text_BTD: Tensor) -> Tensor:
        where = self.where.to(x_Bcfhw.dtype).expand(len(x_Bcfhw), -1, -1, -1, -1)
        placed = torch.cat([x_Bcfhw, where], 1)
        predicted: Tensor = self.denoiser(placed, time_B, text_BTD, return_dict=False)[0]
        if not self.shape.clean:
            return predicted
        sigma = (time_B / 1000).clamp_min(LEAST_SIGMA)[:, None, None, None, None]
        return (x_Bcfhw - predicted) / sigma

    # latents of frames <-> latents of media

    def pack(self, z_Nchw: Tensor) -> Tensor:
        """(B * f, c, h, w) -> (B, c, f, h, w)."""
        return z_Nchw.unflatten(0, (-1, self.shape.frames)).transpose(1, 2).contiguous()

    def unpack(self, z_Bcfhw: Tensor) -> Tensor:
        """(B, c, f, h, w) -> (B * f, c, h, w)."""
        return z_Bcfhw.transpose(1, 2).flatten(0, 1).contiguous()

    def _latent_size(self) -> tuple[int, int, int, int]:
        return self.shape.kept, self.shape.frames, self.shape.height, self.shape.width

    @staticmethod
    def _noise(generators: Sequence[Generator], size: Any) -> Tensor:
        return torch.stack([torch.randn(tuple(size), generator=g) for g in generators])


def _shifted(sigma_N: Tensor) -> Tensor:
    """(N,) in [0, 1] -> the same moved towards 1, which is noise."""
    return SHIFT * sigma_N / (1 + (SHIFT - 1) * sigma_N)


def _where(shape: Shape) -> Tensor:
    """(15, f, h, w): for each axis its coordinate in [-1, 1] and two octaves of waves."""
    # Not linspace: once transformers has patched it to load a model, it ignores a meta device.
    axes = [
        2 * torch.arange(n) / max(1, n - 1) - 1 for n in (shape.frames, shape.height, shape.width)
    ]
    channels = []
    for place in torch.meshgrid(*axes, indexing="ij"):
        channels.append(place)
        channels += [f(torch.pi * k * place) for k in (1, 2) for f in (torch.sin, torch.cos)]
    return torch.stack(channels)
