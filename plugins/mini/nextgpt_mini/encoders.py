"""mini's encoders: what a picture, a video and a sound look like to the language model.

Legend: B batch, F frames, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool1d, interpolate
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from nextgpt_mini import efficientnet, whisper
from nextgpt_mini.decoders import resample
from nextgpt_mini.options import EncoderOptions
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.media import Media
from nextgpt_registry.tensors import convert_pickle, load_compact

RATE = 16_000
WINDOW = 4.0
"""Seconds that the sound encoder hears at a time; longer sounds are averaged over windows."""


class _Eye(nn.Module):
    """EfficientNet-Lite0 on pixels of one size."""

    side: int
    """Pixels."""

    def __init__(self, options: EncoderOptions) -> None:
        """Random weights; `options.layers` below 4 makes a twin."""
        super().__init__()
        self.network = efficientnet.EfficientNetLite0(options.layers)
        self.eval()

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`, the published .pth; its classifier is left out."""
        path = paths["model"]
        try:
            state = efficientnet.folded(load_compact(convert_pickle(path, sha256_of(path))))
            self.network.load_state_dict(state)
        except (KeyError, RuntimeError) as error:
            raise SourceError(
                str(path), f"not an EfficientNet-Lite0 checkpoint: {error}", "check `weights`"
            ) from error

    def _pixels(self, frames_FHWC: np.ndarray) -> Tensor:
        x = torch.from_numpy(np.array(frames_FHWC)).permute(0, 3, 1, 2).float()
        x = interpolate(x, (self.side, self.side), mode="bicubic", antialias=True)
        return (x.clamp(0, 255) - 127) / 128


class PictureEncoder(_Eye):
    """A picture -> 49 cells of 1280, row by row."""

    side = 224

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B pictures -> (B, 3, 224, 224)."""
        return torch.cat([self._pixels(m.data[None]) for m in media])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 3, 224, 224) -> (B, 49, 1280)."""
        return self.network(x_BCHW).flatten(2).transpose(1, 2)


class LevelsEncoder(PictureEncoder):
    """A picture -> 49 cells of 1304: the last map and, averaged over each cell, an early one.

    A network trained to name things tells them by its last map, and their colours hardly.
    """

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 3, 224, 224) -> (B, 49, 1304)."""
        early, last = self.network.levels(x_BCHW)
        early = adaptive_avg_pool2d(early, (last.shape[-2], last.shape[-1]))
        return torch.cat((last, early), dim=1).flatten(2).transpose(1, 2)


class VideoEncoder(_Eye):
    """8 frames evenly taken -> 8 x 9 cells of 1280, frame by frame."""

    side = 160  # a video of 8 frames costs a third of what it does at 224
    frames = 8
    cells = 3

    def preprocess(self, media: Sequence[Media]) -> Tensor:
        """B videos -> (B, 8, 3, 160, 160)."""
        videos = []
        for video in media:
            taken = np.linspace(0, len(video.data) - 1, self.frames).round().astype(int)
            videos.append(self._pixels(video.data[taken]))
        return torch.stack(videos)

    def left_out(self, media: Media) -> str:
        """What lies between the frames, where those are fewer than one a second."""
        lasts = len(media.data) / float(media.rate or 1)
        said = f"lasts {lasts:.4g} s: {self.frames} frames, evenly chosen, are seen"
        return said if lasts > self.frames else ""

    def forward(self, x_BFCHW: Tensor) -> Tensor:
        """(B, 8, 3, 160, 160) -> (B, 72, 1280)."""
        x = adaptive_avg_pool2d(self.network(x_BFCHW.flatten(0, 1)), self.cells)
        return x.flatten(2).transpose(1, 2).unflatten(0, (-1, self.frames)).flatten(1, 2)


class SoundEncoder(nn.Module):
    """Sound -> 50 tokens of 384: Whisper tiny.en over windows of 4 s, averaged over the windows."""

    positions = 200
    pooled = 4

    def __init__(self, options: EncoderOptions) -> None:
        """Random weights; `options.layers` below 4 makes a twin."""
        super().__init__()
        self.network = WhisperEncoder(
            WhisperConfig(
                d_model=384,
                encoder_layers=options.layers or 4,
                encoder_attention_heads=6,
                encoder_ffn_dim=1536,
                max_source_positions=self.positions,
            )
        )
        self.features = WhisperFeatureExtractor(feature_size=80, chunk_length=int(WINDOW))
        self.eval()

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `model`, a CTranslate2 file."""
        variables = whisper.read_variables(paths["model"])
        self.network.load_state_dict(whisper.encoder_state(variables, self.positions))

    def preprocess(self, media: Sequence[Media]) -> tuple[Tensor, Tensor]:
        """B sounds -> (W, 80, 400) windows and (W,) whose each is."""
        windows, owners = [], []
        size = int(WINDOW * RATE)
        for owner, medium in enumerate(media):
            sound = resample(
                torch.from_numpy(np.array(medium.data, np.float32)), medium.rate
            ).numpy()
            for start in range(0, max(len(sound), 1), size):
                windows.append(sound[start : start + size])
                owners.append(owner)
        mel = self.features(windows, sampling_rate=RATE, return_tensors="pt").input_features
        return mel, torch.tensor(owners)

    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """(W, 80, 400), (W,) -> (B, 50, 384)."""
        mel, owners = batch
        x = self.network(mel).last_hidden_state
        x = avg_pool1d(x.transpose(1, 2), self.pooled).transpose(1, 2)
        count = int(owners.max()) + 1
        total = x.new_zeros(count, *x.shape[1:]).index_add(0, owners.to(x.device), x)
        return total / torch.bincount(owners, minlength=count).to(total)[:, None, None]
