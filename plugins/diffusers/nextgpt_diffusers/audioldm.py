"""AudioLDM: sound by a UNet whose text is one state, CLAP's embedding of a caption.

Legend: B batch, N samples, F frames, M mel bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize
from transformers.audio_utils import mel_filter_bank

from nextgpt_diffusers.family import sampled
from nextgpt_diffusers.noise import Noised
from nextgpt_diffusers.waves import resampled
from nextgpt_registry.media import Media

_WINDOW = 1024
_LOUD = 0.5  # the peak that training sounds were brought to
_FLOOR = 1e-5


class AudioLdm:
    """`text` (B, 1, D), of which only the direction counts: the pipeline's own are of length 1."""

    denoiser = "unet"

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> CLAP's embeddings of them."""
        return {"text": pipe._encode_prompt(list(captions), pipe.unet.device, 1, False)[:, None]}

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """The embedding of what is said, the empty text by default."""
        return self.encode(pipe, [said], options)

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """`prompt_embeds`."""
        return {f"{prefix}prompt_embeds": _direction(conditions)}

    def shape(self, options: Any) -> dict[str, Any]:
        """The length in seconds."""
        return {"audio_length_in_s": options.seconds}

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B sounds -> (B, C, F, M): each from its start, silence behind it."""
        told = pipe.vocoder.config
        mels_BFM = torch.stack(
            [
                log_mel(
                    medium,
                    seconds=options.seconds,
                    rate=told.sampling_rate,
                    hop=prod(told.upsample_rates),
                    bands=told.model_in_dim,
                    frames_of=pipe.vae_scale_factor,
                )
                for medium in media
            ]
        )
        spread = pipe.vae.encode(mels_BFM[:, None].to(pipe.vae.device, pipe.vae.dtype)).latent_dist
        return sampled(spread, generators) * pipe.vae.config.scaling_factor

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """(B, C, F, M)."""
        said: Tensor = pipe.unet(
            far.latents, far.times, encoder_hidden_states=None, class_labels=_direction(conditions)
        ).sample
        return said

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """B sounds."""
        heard = torch.as_tensor(made.audios).float().cpu().numpy()
        rate = float(pipe.vocoder.config.sampling_rate)
        return [Media("audio", np.clip(one, -1, 1), rate) for one in heard]


def log_mel(
    media: Media, *, seconds: float, rate: int, hop: int, bands: int, frames_of: int
) -> Tensor:
    """A sound -> (F, M), its start or followed by silence; F a multiple of `frames_of`.

    `hop` is the samples between two frames; loudness is brought to that of AudioLDM's training.
    """
    frames = -(-round(seconds * rate) // (hop * frames_of)) * frames_of
    heard = torch.from_numpy(resampled(media, rate)[: int(seconds * rate)])
    centred = heard - heard.mean()
    centred = centred * (_LOUD / (centred.abs().max() + 1e-8))
    wave = torch.zeros(frames * hop)
    wave[: len(centred)] = centred[: len(wave)]
    bins = torch.stft(
        wave,
        _WINDOW,
        hop_length=hop,
        window=torch.hann_window(_WINDOW),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    ).abs()
    filters = mel_filter_bank(
        num_frequency_bins=_WINDOW // 2 + 1,
        num_mel_filters=bands,
        min_frequency=0,
        max_frequency=rate / 2,
        sampling_rate=rate,
        norm="slaney",
        mel_scale="slaney",
    )
    mels_MF = torch.from_numpy(np.asarray(filters)).float().T @ bins
    return mels_MF.clamp(min=_FLOOR).log().T[:frames]


def _direction(conditions: Mapping[str, Tensor]) -> Tensor:
    """(B, 1, D) -> (B, D), of length 1."""
    return normalize(conditions["text"][:, 0], dim=-1)
