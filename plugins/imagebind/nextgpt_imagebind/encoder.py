"""ImageBind as an encoder of six modalities: one model serves all, whichever tokens they keep.

Legend: B batch, S clips and crops of one medium, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nextgpt_imagebind.model import build
from nextgpt_imagebind.motions import motion
from nextgpt_imagebind.options import WIDTH, EncoderOptions
from nextgpt_imagebind.pictures import depth, heat, picture
from nextgpt_imagebind.sounds import sound
from nextgpt_imagebind.unseen import unseen
from nextgpt_imagebind.videos import video
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part

_TOWERS = {"image": "vision", "video": "vision"}
"""Where a tower is not called like its modality."""
_IN_CLIPS = ("video", "audio")
"""Modalities of which several views are seen and averaged."""


class ImageBindEncoder(torch.nn.Module):
    """Media of one modality -> (B, T, D): the CLS token, or all others.

    Each token is normalised to length one, as is the original's, and the views of a medium are
    averaged after that, position by position: such a mean is shorter than one.
    """

    def __init__(
        self, patches: bool, options: EncoderOptions, *, trunk: ImageBindEncoder | None = None
    ) -> None:
        super().__init__()
        self.patches = patches
        self.options = options
        self.model: Any = trunk.model if trunk else build(options.narrow)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: what `nextgpt imagebind convert` makes of the published file."""
        if "model" in paths:
            load_part(self.model, paths["model"], who="imagebind")

    def preprocess(self, media: Sequence[Media]) -> dict[str, Tensor]:
        """B media of one modality -> {its name: (B, ...)}, with S views (B, S, ...) for clips."""
        modality = media[0].modality
        readers: dict[str, Callable[[Media], Tensor]] = {
            "image": picture,
            "video": video,
            "audio": sound,
            "depth": partial(depth, scale=self.options.disparity),
            "thermal": heat,
            "imu": motion,
        }
        return {modality: torch.stack([readers[modality](medium) for medium in media])}

    def left_out(self, media: Media) -> str:
        """What is not in a clip, or lies beside the crops, where that is more than half."""
        return unseen(media)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """A batch of `preprocess` -> (B, T, D)."""
        ((modality, x),) = batch.items()
        tower = _TOWERS.get(modality, modality)
        if modality not in _IN_CLIPS:
            return _widen(self._tokens(tower, x))
        tokens_NTD = self._tokens(tower, x.flatten(0, 1))
        return _widen(tokens_NTD.unflatten(0, x.shape[:2]).mean(1))

    def _tokens(self, tower: str, x: Tensor) -> Tensor:
        """Through one tower: its stem, blocks, head and normalisation -> (N, T, D)."""
        model = self.model
        states = model.modality_trunks[tower](
            **model.modality_preprocessors[tower](**{tower: x})["trunk"]
        )
        for layer in model.modality_heads[tower]:
            if type(layer).__name__ == "SelectElement":  # the original takes the first alone
                states = states[:, 1:] if self.patches else states[:, :1]
            else:
                states = layer(states)
        unit = normalize(states, dim=-1)
        last = model.modality_postprocessors[tower]
        if self.options.logit_scaling == "keep" and isinstance(last, torch.nn.Sequential):
            unit = last[1](unit)
        return unit


Cls = partial(ImageBindEncoder, False)
Patches = partial(ImageBindEncoder, True)


def _widen(x_BTd: Tensor) -> Tensor:
    """(B, T, d) -> (B, T, D), repeated: only a narrow twin is not as wide as declared."""
    times = -(-WIDTH // x_BTd.shape[-1])
    return x_BTd if times == 1 else x_BTd.repeat(1, 1, times)[..., :WIDTH]
