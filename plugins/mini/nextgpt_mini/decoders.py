"""mini's decoders: pictures of 128x128, videos of 16 of them, 3 seconds of sound at 16 kHz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from nextgpt_mini import spectrogram
from nextgpt_mini.flow import FlowDecoder, Shape
from nextgpt_mini.latents import Latents
from nextgpt_mini.options import SoundOptions
from nextgpt_mini.painter import PictureLatents
from nextgpt_mini.vocoder import Vocoder
from nextgpt_registry.media import Media
from nextgpt_registry.tensors import load_compact

SOUND_PATCH = 4
"""Of a spectrogram: bins and frames."""
CELLS = 16
"""A picture's latents, along one side."""
SIDE = 128
FRAMES = 16
FRAME_RATE = 8.0


def _pixels(frames_NHWC: np.ndarray) -> Tensor:
    x = torch.from_numpy(np.ascontiguousarray(frames_NHWC)).permute(0, 3, 1, 2).float() / 127.5 - 1
    if x.shape[-2:] != (SIDE, SIDE):
        x = interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
    return x


def _bytes(x_NCHW: Tensor) -> np.ndarray:
    x = ((x_NCHW.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return x.permute(0, 2, 3, 1).cpu().numpy()


class PictureDecoder(FlowDecoder):
    """Pictures of 128x128."""

    latents: PictureLatents
    shape = Shape(kept=12, frames=1, height=CELLS, width=CELLS)

    def make_latents(self) -> PictureLatents:
        """Those with a painter."""
        return PictureLatents(self.shape.kept)

    def to_pixels(self, media: Sequence[Media]) -> Tensor:
        """B pictures of any size -> (B, 3, 128, 128)."""
        return torch.cat([_pixels(m.data[None]) for m in media]).to(self.latents.mean.device)

    def to_media(self, x: Tensor) -> list[Media]:
        """(B, 3, 128, 128) -> B pictures."""
        return [Media("image", data) for data in _bytes(x)]


class VideoDecoder(FlowDecoder):
    """Videos of 16 frames of 128x128 at 8 frames a second."""

    latents: PictureLatents
    shape = Shape(kept=12, frames=FRAMES, height=CELLS, width=CELLS, patch=(4, 2, 2), clean=True)

    def make_latents(self) -> PictureLatents:
        """A picture's, for each frame."""
        return PictureLatents(self.shape.kept)

    def to_pixels(self, media: Sequence[Media]) -> Tensor:
        """B videos of any size and length -> (B * 16, 3, 128, 128), 16 frames evenly taken."""
        frames = []
        for video in media:
            taken = np.linspace(0, len(video.data) - 1, FRAMES).round().astype(int)
            frames.append(_pixels(video.data[taken]))
        return torch.cat(frames).to(self.latents.mean.device)

    def to_media(self, x: Tensor) -> list[Media]:
        """(B * 16, 3, 128, 128) -> B videos."""
        videos = _bytes(x).reshape(-1, FRAMES, SIDE, SIDE, 3)
        return [Media("video", data, FRAME_RATE) for data in videos]


class SoundDecoder(FlowDecoder):
    """3.072 seconds of sound at 16 kHz: a mel spectrogram of 80 x 192, and a vocoder."""

    shape = Shape(
        kept=8,
        frames=1,
        height=spectrogram.MELS // SOUND_PATCH,
        width=spectrogram.FRAMES // SOUND_PATCH,
        patch=(1, 4, 2),
    )

    def __init__(self, options: SoundOptions) -> None:
        """Build on the current device with random weights."""
        super().__init__(options)
        self.vocoder = Vocoder(options.vocoder_width).eval()

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load `vocoder` beside the others."""
        super().load(paths)
        self.vocoder.load_state_dict(load_compact(paths["vocoder"]))

    def make_latents(self) -> Latents:
        """Those of spectrograms."""
        return sound_latents()

    def to_pixels(self, media: Sequence[Media]) -> Tensor:
        """B sounds -> (B, 1, 80, 192), cut or padded with silence to 3.072 s."""
        return spectrogram.to_mel(torch.stack([_sound(m) for m in media]))[:, None]

    @torch.no_grad()
    def to_media(self, x: Tensor) -> list[Media]:
        """(B, 1, 80, 192) -> B sounds."""
        sounds = self.vocoder(x[:, 0]).cpu()
        sounds = sounds / sounds.abs().amax(-1, keepdim=True).clamp_min(1e-3) * 0.7
        return [Media("audio", s.numpy(), float(spectrogram.RATE)) for s in sounds]


def sound_latents() -> Latents:
    """Of spectrograms; arbitrary until fitted or loaded."""
    return Latents(1, SoundDecoder.shape.kept, SOUND_PATCH)


def _sound(media: Media) -> Tensor:
    sound = resample(torch.from_numpy(np.asarray(media.data, np.float32)), media.rate)
    sound = sound[: spectrogram.SAMPLES]
    return torch.nn.functional.pad(sound, (0, spectrogram.SAMPLES - len(sound)))


def resample(sound_N: Tensor, rate: float | None, wanted: int = spectrogram.RATE) -> Tensor:
    """(N,) at `rate` Hz -> the same sound at `wanted` Hz, band-limited."""
    rate = rate or wanted
    if rate == wanted:
        return sound_N
    length = round(len(sound_N) * wanted / rate)
    spectrum = torch.fft.rfft(sound_N)
    bins = length // 2 + 1
    if bins <= len(spectrum):
        spectrum = spectrum[:bins]
    else:
        spectrum = torch.nn.functional.pad(spectrum, (0, bins - len(spectrum)))
    return torch.fft.irfft(spectrum, n=length) * (length / len(sound_N))
