"""Whisper's encoder as an encoder of sound: 1500 states, one for each 20 ms of its first 30 s.

Legend: B batch, M mel bands, F frames, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from transformers.models.whisper.configuration_whisper import WhisperConfig
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder as Model

from nextgpt_audio.options import EncoderOptions
from nextgpt_audio.waves import beyond, start_of, widen
from nextgpt_registry.media import Media
from nextgpt_registry.parts import load_part

RATE = 16_000
SECONDS = 30


@dataclass(frozen=True)
class Size:
    """Of one published model."""

    width: int
    layers: int
    heads: int
    mels: int = 80


class WhisperEncoder(torch.nn.Module):
    """Sounds -> (B, T, D); silence follows a shorter sound, of a longer the start is heard."""

    def __init__(self, size: Size, options: EncoderOptions) -> None:
        super().__init__()
        self.width = size.width
        self.mels = WhisperFeatureExtractor(feature_size=size.mels)
        narrow = options.narrow
        config = WhisperConfig(
            num_mel_bins=size.mels,
            d_model=narrow or size.width,
            encoder_layers=2 if narrow else size.layers,
            encoder_attention_heads=2 if narrow else size.heads,
            encoder_ffn_dim=4 * (narrow or size.width),
        )
        self.model = Model(config)

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`: the safetensors of a Whisper, whole or its encoder."""
        if "model" in paths:
            prefixes = ("model.encoder.", "encoder.")
            load_part(self.model, paths["model"], who="whisper", prefixes=prefixes)

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B sounds -> log mel spectra (B, M, F)."""
        waves = [start_of(medium, rate=RATE, seconds=SECONDS) for medium in media]
        found = self.mels(waves, sampling_rate=RATE, return_tensors="pt").input_features
        assert isinstance(found, Tensor)
        return found

    def left_out(self, media: Media) -> str:
        """What comes after the seconds that are heard."""
        return beyond(media, seconds=SECONDS)

    def forward(self, batch: Tensor) -> Tensor:
        """(B, M, F) -> (B, T, D)."""
        return widen(self.model(batch).last_hidden_state, self.width)


WhisperTiny = partial(WhisperEncoder, Size(width=384, layers=4, heads=6))
WhisperBase = partial(WhisperEncoder, Size(width=512, layers=6, heads=8))
WhisperSmall = partial(WhisperEncoder, Size(width=768, layers=12, heads=12))
WhisperLargeV3 = partial(WhisperEncoder, Size(width=1280, layers=32, heads=20, mels=128))
