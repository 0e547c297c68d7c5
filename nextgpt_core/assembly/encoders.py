"""Encoders, live: called and checked. Knows nothing about requests.

Legend: B batch, T tokens, D width.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nextgpt_core.assembly.components import Blame, Recipe, check_finite, misfit, named, on_device
from nextgpt_registry.errors import EncodeError, RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Encoder


@dataclass
class LiveEncoder:
    """An encoder that may be called from several threads, one at a time."""

    recipe: Recipe
    component: Any
    lock: Any = field(default_factory=threading.RLock)  # one for all that share a trunk
    calls: int = 0
    check: Callable[[Media], Media] = lambda medium: medium  # as its modality wants
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        """Hash the recipe once."""
        self.fingerprint = self.recipe.fingerprint

    @property
    def spec(self) -> Encoder:
        """What its plugin declared."""
        assert isinstance(self.recipe.spec, Encoder)
        return self.recipe.spec

    def left_out(self, media: Media) -> str:
        """What of a medium does not reach its features; "" where the encoder tells nothing."""
        tell = getattr(self.component, "left_out", None)  # of a `SelectiveEncoder`
        with named(self.recipe, EncodeError):
            said = tell(media) if tell else ""
        return f"{media.source or 'a medium'} {said} ({self.spec.name})" if said else ""

    def encode(self, media: Sequence[Media], *, alone: bool = False) -> list[Tensor]:
        """N media -> N features (T, D); one call, or one for each where lengths vary."""
        if alone or self.spec.varying:
            return [features for medium in media for features in self._encode([medium])]
        return self._encode(media)

    def _encode(self, media: Sequence[Media]) -> list[Tensor]:
        checked = [self._checked(medium) for medium in media]
        with self.lock, named(self.recipe, EncodeError), on_device(self.component, self.recipe):
            self.calls += 1
            batch = _placed(self.component.preprocess(checked), self.recipe)
            features_BTD = check_features(
                self.recipe.blame, self.spec, self.component(batch), batch=len(media)
            )
        return [features_TD.clone() for features_TD in features_BTD]  # no views: a batch is freed

    def _checked(self, medium: Media) -> Media:
        """A medium of its modality that holds the layout, whoever made it."""
        if medium.modality != self.spec.modality:
            raise RequestError(
                f"a medium for {self.recipe.blame}",
                f"is of the modality {medium.modality!r}",
                f"give one of {self.spec.modality!r}",
            )
        return self.check(medium)


def check_features(blame: Blame, spec: Encoder, features: object, *, batch: int) -> Tensor:
    """`features` as a (B, T, D) tensor of the declared sizes.

    Raises:
        ShapeError: it is something else, or not all numbers.
    """
    tokens = f"at most {spec.tokens}" if spec.varying else f"{spec.tokens}"
    declared = f"({batch}, {tokens}, {spec.width})"
    if not isinstance(features, Tensor):
        raise misfit(blame, "its features", f"a {type(features).__name__}", declared)
    shape = tuple(features.shape)
    fits = len(shape) == 3 and shape[0] == batch and shape[2] == spec.width
    if not fits or not _tokens_fit(shape[1], spec):
        raise misfit(blame, "its features", f"{shape}", declared)
    check_finite(str(blame), "its features", features)
    return features


def _tokens_fit(tokens: int, spec: Encoder) -> bool:
    return 0 < tokens <= spec.tokens if spec.varying else tokens == spec.tokens


def _placed(batch: Any, recipe: Recipe) -> Any:
    """The tensors of a batch on the component's device, the floating ones in its precision."""
    move: Callable[[Any], Any] = lambda part: _placed(part, recipe)  # noqa: E731
    if isinstance(batch, Tensor):
        dtype = getattr(torch, recipe.dtype) if batch.is_floating_point() else None
        return batch.to(recipe.device, dtype)
    if isinstance(batch, Mapping):
        return {key: move(value) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(move(value) for value in batch)
    return batch
