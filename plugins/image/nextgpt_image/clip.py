"""CLIP's vision transformer as an encoder of pictures: its patch tokens, the CLS token dropped.

Legend: B batch, C channels, H height, W width, T tokens, D width.
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

from nextgpt_image.options import ClipOptions
from nextgpt_image.pixels import Look, beside, squares, widen
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part

LOOK = Look(
    size=224,
    cut=True,
    filter=Image.Resampling.BICUBIC,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)


@dataclass(frozen=True)
class Size:
    """Of one published model."""

    width: int
    layers: int
    heads: int
    patch: int


class ClipEncoder(torch.nn.Module):
    """Pictures -> (B, T, D): the states of one layer (the last but one) at the patches."""

    def __init__(self, size: Size, options: ClipOptions) -> None:
        super().__init__()
        self.width = size.width
        self.layer = options.layer
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
            load_part(
                self.model, paths["model"], who="clip", prefixes=("vision_model.", "vision_tower.")
            )

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B pictures -> (B, C, H, W): the short side to 224, bicubic, and the middle cut out."""
        return squares(media, LOOK)

    def left_out(self, media: Media) -> str:
        """What lies beside the square that is cut out, where that is more than half."""
        return beside(media)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D)."""
        states = self.model(pixel_values=batch, output_hidden_states=True).hidden_states
        return widen(states[self.layer][:, 1:], self.width)


ClipB32 = partial(ClipEncoder, Size(width=768, layers=12, heads=12, patch=32))
ClipB16 = partial(ClipEncoder, Size(width=768, layers=12, heads=12, patch=16))
ClipL14 = partial(ClipEncoder, Size(width=1024, layers=24, heads=16, patch=14))
