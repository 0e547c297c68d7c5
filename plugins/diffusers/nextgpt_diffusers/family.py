"""What differs between pipelines, as one interface, and what most of them share.

Legend: B batch, T tokens, D width, C channels, F frames, H height, W width, N samples.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Generator, Tensor

from nextgpt_diffusers.noise import Noised, draw
from nextgpt_registry.errors import ShapeError
from nextgpt_registry.media import Media


class Family(Protocol):
    """How one kind of pipeline is driven. Keeps nothing: the pipeline comes with each call."""

    denoiser: str
    """The part that a request runs at each step."""

    def encode(self, pipe: Any, captions: Sequence[str], options: Any) -> dict[str, Tensor]:
        """B captions -> {name: (B, T, D)}, by the pipeline's own text encoders."""

    def away(self, pipe: Any, said: str, options: Any) -> dict[str, Tensor] | None:
        """What guidance leads away from, (1, T, D) each; None: the pipeline's own nothing."""

    def given(self, conditions: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
        """Conditions as arguments of the pipeline's call; `prefix` is "negative_" or nothing."""

    def shape(self, options: Any) -> dict[str, Any]:
        """The options that say how large a medium is, as arguments; None is the pipeline's own."""

    def latents(
        self, pipe: Any, media: Sequence[Media], options: Any, generators: Sequence[Generator]
    ) -> Tensor:
        """B media -> (B, ...), as the denoiser knows them."""

    def predict(
        self, pipe: Any, far: Noised, conditions: Mapping[str, Tensor], options: Any
    ) -> Tensor:
        """What the denoiser says of latents and conditions; differentiable in the conditions."""

    def media(self, pipe: Any, made: Any, options: Any) -> list[Media]:
        """What the pipeline's call returned, as media."""


@runtime_checkable
class OwnTimes(Protocol):
    """A family whose pipeline chooses the times of its flow itself, and tells its scheduler."""

    def shift(self, pipe: Any, latents: Tensor, options: Any) -> float:
        """How far its call would move them towards noise for latents like these; 1: not at all."""

    def samplers(self, pipe: Any) -> tuple[str, ...]:
        """The samplers beside its own that can be told them."""


@runtime_checkable
class StepCached(Protocol):
    """A family whose call tells its denoiser what a step cache must know: which pass this is."""

    caches: tuple[str, ...]
    """The step caches that it works with."""


def distilled(pipe: Any) -> bool:
    """Whether guidance went into the weights, so that there is none to ask for."""
    return bool(getattr(pipe.config, "is_distilled", False) or getattr(pipe, "is_turbo", False))


def default(pipe: Any, argument: str) -> Any:
    """What the pipeline's call takes for an argument that is left out."""
    return inspect.signature(type(pipe).__call__).parameters[argument].default


def pictures(pipe: Any, media: Sequence[Media], *, height: int, width: int) -> Tensor:
    """B pictures -> (B, C, H, W) in [-1, 1]: as large as must be, the middle cut."""
    given = [_cut(medium.data, height, width) for medium in media]
    fitted: Tensor = pipe.image_processor.preprocess(given)
    return fitted


def videos(pipe: Any, media: Sequence[Media], *, frames: int, height: int, width: int) -> Tensor:
    """B videos -> (B, F, C, H, W) in [-1, 1]: `frames` spread over all of each."""
    taken = [
        [_cut(medium.data[n], height, width) for n in _spread(len(medium.data), frames)]
        for medium in media
    ]
    return torch.stack([pipe.video_processor.preprocess(one) for one in taken])


def as_pictures(made: Any) -> list[Media]:
    """(B, H, W, C) in [0, 1] -> B pictures."""
    return [Media("image", _bytes(one)) for one in made]


def as_videos(made: Any, rate: float) -> list[Media]:
    """(B, F, H, W, C) in [0, 1] -> B videos."""
    return [Media("video", _bytes(one), rate) for one in made]


def read(mask: Tensor) -> Tensor:
    """(B, T, 1) -> (B, T) of zeros and ones: which states are read, those over a half."""
    if mask.shape[-1] != 1:
        raise ShapeError("mask", f"is {tuple(mask.shape)}", "wanted (B, T, 1)")
    return (mask[..., 0] > 0.5).to(mask.dtype)


def under(text: Tensor, mask: Tensor) -> Tensor:
    """States (B, T, D) as they are; a mask (B, T, 1) learns as if they were multiplied by it.

    What is read is yes or no, and has no gradient; this one is passed straight through.
    """
    return text * (1 + (mask - mask.detach()))


def sampled(spread: Any, generators: Sequence[Generator]) -> Tensor:
    """A draw from an autoencoder's distributions: row b by generator b."""
    mean: Tensor = spread.mean
    return mean + spread.std * draw(mean.shape[1:], generators, mean)


def _cut(pixels: Any, height: int, width: int) -> Image.Image:
    """The middle of a picture at a size: cut before it is resized, however long it is."""
    return ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)


def _spread(count: int, wanted: int) -> list[int]:
    return [int((n + 0.5) * count / wanted) for n in range(wanted)]


def _bytes(one: Any) -> Any:
    return (255 * one).round().astype(np.uint8)
