"""CLAP's audio tower (HTSAT, without fusion) as an encoder of sound: an 8 x 8 grid of states.

Legend: B batch, M mel bands, F frames, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers.models.clap.configuration_clap import ClapAudioConfig
from transformers.models.clap.feature_extraction_clap import ClapFeatureExtractor
from transformers.models.clap.modeling_clap import ClapAudioModel

from nextgpt_audio.options import EncoderOptions
from nextgpt_audio.waves import beyond, start_of, widen
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part

RATE = 48_000
SECONDS = 10
_STAGES = 4  # each halves the grid and doubles the width
_CONSTANTS = ("relative_position_index", "num_batches_tracked")


@dataclass(frozen=True)
class Size:
    """Of one published model. `width` is that of the last stage."""

    width: int
    depths: tuple[int, int, int, int]


class ClapEncoder(torch.nn.Module):
    """Sounds -> (B, T, D); a shorter sound is repeated, of a longer the first 10 s are heard."""

    def __init__(self, size: Size, options: EncoderOptions) -> None:
        super().__init__()
        self.width = size.width
        self.mels = ClapFeatureExtractor(
            frequency_min=50, frequency_max=14_000, truncation="rand_trunc", padding="repeatpad"
        )
        width = options.narrow or size.width
        config = ClapAudioConfig(
            patch_embeds_hidden_size=width // 2 ** (_STAGES - 1),
            hidden_size=width,
            depths=(1,) * _STAGES if options.narrow else size.depths,
            num_attention_heads=(1,) * _STAGES if options.narrow else (4, 8, 16, 32),
            enable_fusion=False,
        )
        self.model = ClapAudioModel(config)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: the safetensors of a CLAP, whole or its audio tower."""
        if "model" in paths:
            load_part(
                self.model,
                paths["model"],
                who="clap",
                prefixes=("audio_model.",),
                constants=_CONSTANTS,
            )

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B sounds -> log mel spectra (B, 1, F, M)."""
        waves = [start_of(medium, rate=RATE, seconds=SECONDS) for medium in media]
        found = self.mels(waves, sampling_rate=RATE, return_tensors="pt").input_features
        assert isinstance(found, Tensor)
        return found.float()

    def left_out(self, media: Media) -> str:
        """What comes after the seconds that are heard."""
        return beyond(media, seconds=SECONDS)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 1, F, M) -> (B, T, D)."""
        grid = self.model(input_features=batch).last_hidden_state
        return widen(grid.flatten(2).transpose(1, 2), self.width)


ClapHtsatUnfused = partial(ClapEncoder, Size(width=768, depths=(2, 2, 6, 2)))
LargerClapGeneral = partial(ClapEncoder, Size(width=1024, depths=(2, 2, 12, 2)))
