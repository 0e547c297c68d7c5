"""SigLIP2's vision transformers as encoders of pictures: all patch tokens after the last norm.

Two families: a fixed square, and NaFlex, which keeps the picture's shape in at most 256 patches.
Legend: B batch, C channels, H height, W width, T tokens, D width, P numbers of a patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipVisionModel
from transformers.models.siglip2.configuration_siglip2 import Siglip2VisionConfig
from transformers.models.siglip2.modeling_siglip2 import Siglip2VisionModel

from nextgpt_image.options import EncoderOptions
from nextgpt_image.pixels import Look, patches, squares, widen
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part

_PATCHES = 256
_PREFIXES = ("vision_model.",)


@dataclass(frozen=True)
class Size:
    """Of one published model. `picture` is the side of its square, in pixels."""

    width: int
    inner: int
    layers: int
    heads: int
    patch: int
    picture: int = 0

    def config(self, narrow: int | None) -> dict[str, Any]:
        """What both families' configs say."""
        return {
            "hidden_size": narrow or self.width,
            "intermediate_size": 2 * narrow if narrow else self.inner,
            "num_hidden_layers": 2 if narrow else self.layers,
            "num_attention_heads": 2 if narrow else self.heads,
            "patch_size": self.patch,
        }


class SquareEncoder(torch.nn.Module):
    """Pictures -> (B, T, D), each bent to a square."""

    def __init__(self, size: Size, options: EncoderOptions) -> None:
        super().__init__()
        self.width = size.width
        half = (0.5, 0.5, 0.5)
        self.look = Look(size.picture, False, Image.Resampling.BILINEAR, mean=half, std=half)
        config = SiglipVisionConfig(image_size=size.picture, **size.config(options.narrow))
        self.model = SiglipVisionModel(config)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: the safetensors of a SigLIP2, whole or its vision tower."""
        if "model" in paths:
            load_part(self.model, paths["model"], who="siglip2", prefixes=_PREFIXES)

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B pictures -> (B, C, H, W)."""
        return squares(media, self.look)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D)."""
        return widen(self.model(pixel_values=batch).last_hidden_state, self.width)


class NaflexEncoder(torch.nn.Module):
    """Pictures -> (B, T, D), T the patches of the largest; shorter rows end in zeros."""

    def __init__(self, size: Size, options: EncoderOptions) -> None:
        super().__init__()
        self.width = size.width
        self.patch = size.patch
        config = Siglip2VisionConfig(num_patches=_PATCHES, **size.config(options.narrow))
        self.model = Siglip2VisionModel(config)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: the safetensors of a SigLIP2 NaFlex, whole or its vision tower."""
        if "model" in paths:
            load_part(self.model, paths["model"], who="siglip2-naflex", prefixes=_PREFIXES)

    def preprocess(self, media: Sequence[Media]) -> dict[str, Tensor]:
        """B pictures -> patches (B, T, P), their mask (B, T), their rows and columns (B, 2)."""
        cut = [patches(medium, patch=self.patch, at_most=_PATCHES) for medium in media]
        found = [rows_NP for rows_NP, _ in cut]
        mask = [torch.ones(len(rows_NP), dtype=torch.long) for rows_NP in found]
        return {
            "pixel_values": torch.nn.utils.rnn.pad_sequence(found, batch_first=True),
            "pixel_attention_mask": torch.nn.utils.rnn.pad_sequence(mask, batch_first=True),
            "spatial_shapes": torch.tensor([shape for _, shape in cut]),
        }

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """A batch of `preprocess` -> (B, T, D)."""
        states_BTD = self.model(**batch).last_hidden_state
        return widen(states_BTD * batch["pixel_attention_mask"][..., None], self.width)


_BASE = {"width": 768, "inner": 3072, "layers": 12, "heads": 12}
_SO400M = {"width": 1152, "inner": 4304, "layers": 27, "heads": 16}

Siglip2Base = partial(SquareEncoder, Size(**_BASE, patch=16, picture=224))
Siglip2So400m = partial(SquareEncoder, Size(**_SO400M, patch=14, picture=384))
Siglip2BaseNaflex = partial(NaflexEncoder, Size(**_BASE, patch=16))
Siglip2So400mNaflex = partial(NaflexEncoder, Size(**_SO400M, patch=16))
