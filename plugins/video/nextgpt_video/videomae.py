"""VideoMAE's encoder as an encoder of videos: 16 frames in tubes of two, 14 x 14 patches each.

The pre-trained models end in a norm; those fine-tuned on Kinetics do not.
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
from transformers.models.videomae.configuration_videomae import VideoMAEConfig
from transformers.models.videomae.modeling_videomae import VideoMAEModel

from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part
from nextgpt_video.frames import Look, between, clips, widen
from nextgpt_video.options import EncoderOptions

LOOK = Look(
    frames=16,
    size=224,
    filter=Image.Resampling.BILINEAR,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
_OLDER = {  # as the published files spell the biases
    "attention.attention.query.bias": "attention.attention.q_bias",
    "attention.attention.value.bias": "attention.attention.v_bias",
}


@dataclass(frozen=True)
class Size:
    """Of one published model."""

    width: int
    layers: int
    heads: int
    tuned: bool = False


class VideoMaeEncoder(torch.nn.Module):
    """Videos -> (B, T, D), time first, then rows, then columns."""

    def __init__(self, size: Size, options: EncoderOptions) -> None:
        super().__init__()
        self.width = size.width
        narrow = options.narrow
        config = VideoMAEConfig(
            hidden_size=narrow or size.width,
            intermediate_size=4 * (narrow or size.width),
            num_hidden_layers=2 if narrow else size.layers,
            num_attention_heads=2 if narrow else size.heads,
            num_frames=LOOK.frames,
            image_size=LOOK.size,
            use_mean_pooling=size.tuned,
        )
        self.model = VideoMAEModel(config)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: the safetensors of a VideoMAE, whole or its encoder."""
        if "model" in paths:
            load_part(
                self.model,
                paths["model"],
                who="videomae",
                prefixes=("videomae.",),
                spellings=_OLDER,
            )

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B videos -> (B, F, C, H, W): frames spread over the video, the middle of each."""
        return clips(media, LOOK)

    def left_out(self, media: Media) -> str:
        """What lies between the frames that are seen, and beside the square cut out of them."""
        return between(media, LOOK)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, F, C, H, W) -> (B, T, D)."""
        return widen(self.model(batch).last_hidden_state, self.width)


VideoMaeBase = partial(VideoMaeEncoder, Size(width=768, layers=12, heads=12))
VideoMaeLarge = partial(VideoMaeEncoder, Size(width=1024, layers=24, heads=16))
VideoMaeBaseKinetics = partial(VideoMaeEncoder, Size(768, 12, 12, tuned=True))
VideoMaeLargeKinetics = partial(VideoMaeEncoder, Size(1024, 24, 16, tuned=True))
