"""CLIP's vision transformer over frames: eight frames of a video, the patches of each in turn.

Legend: B batch, F frames, C channels, H height, W width, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from transformers.models.clip.configuration_clip import CLIPVisionConfig
from transformers.models.clip.modeling_clip import CLIPVisionModel

from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part
from nextgpt_video.frames import Look, between, clips, widen
from nextgpt_video.options import ClipOptions

LOOK = Look(
    frames=8,
    size=224,
    filter=Image.Resampling.BICUBIC,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)


@dataclass(frozen=True)
class Size:
    """Of one published model; `pool` x `pool` patches are averaged to one token."""

    width: int
    layers: int
    heads: int
    patch: int
    pool: int = 1


class ClipFramesEncoder(torch.nn.Module):
    """Videos -> (B, T, D): frame by frame, the states of one layer (the last but one)."""

    def __init__(self, size: Size, options: ClipOptions) -> None:
        super().__init__()
        self.width = size.width
        self.layer = options.layer
        self.pool = size.pool
        narrow = options.narrow
        config = CLIPVisionConfig(
            hidden_size=narrow or size.width,
            intermediate_size=4 * (narrow or size.width),
            num_hidden_layers=2 if narrow else size.layers,
            num_attention_heads=2 if narrow else size.heads,
            image_size=LOOK.size,
            patch_size=size.patch,
        )
        self.model = CLIPVisionModel(config)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: the safetensors of a CLIP, whole or its vision tower."""
        if "model" in paths:
            prefixes = ("vision_model.", "vision_tower.")
            load_part(self.model, paths["model"], who="clip", prefixes=prefixes)

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B videos -> (B, F, C, H, W): frames spread over the video, the middle of each."""
        return clips(media, LOOK)

    def left_out(self, media: Media) -> str:
        """What lies between the frames that are seen, and beside the square cut out of them."""
        return between(media, LOOK)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, F, C, H, W) -> (B, T, D), T = frames x patches, the CLS tokens dropped."""
        count = len(batch)
        states = self.model(pixel_values=batch.flatten(0, 1), output_hidden_states=True)
        patches = states.hidden_states[self.layer][:, 1:]
        side = round(patches.shape[1] ** 0.5)
        grid = patches.transpose(1, 2).unflatten(2, (side, side))
        pooled = torch.nn.functional.avg_pool2d(grid, self.pool).flatten(2).transpose(1, 2)
        return widen(pooled.reshape(count, -1, pooled.shape[-1]), self.width)


ClipB32Frames = partial(ClipFramesEncoder, Size(width=768, layers=12, heads=12, patch=32))
ClipL14Frames = partial(ClipFramesEncoder, Size(width=1024, layers=24, heads=16, patch=14, pool=2))
