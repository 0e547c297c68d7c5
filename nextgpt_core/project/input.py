"""Projections from an encoder's features to tokens of the language model.

Know nothing about modalities. Legend: B batch, T tokens in, O tokens out, W width of the encoder,
D width of the language model. Order inside the features is made known where the output would
otherwise not depend on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nextgpt_core.project.grouping import Grouping
from nextgpt_core.project.groupvit import GroupVit
from nextgpt_core.project.options import parse
from nextgpt_core.project.resampler import Resampler
from nextgpt_registry.projections import (
    INPUT_KINDS,
    GroupingOptions,
    GroupVitOptions,
    MlpOptions,
    ResamplerOptions,
)


class InputProjection(nn.Module, ABC):
    """Features (B, T, W) -> (B, O, D); `tokens` is O for the most tokens the encoder gives."""

    tokens: int

    @abstractmethod
    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """Features and, for encoders of varying length, which of them are real."""

    @abstractmethod
    def tokens_of(self, tokens: int) -> int:
        """O for a medium that has `tokens` features."""


class PerToken(InputProjection):
    """The same map for every token: O = T, and order is kept by the places of the tokens."""

    def __init__(self, module: nn.Module, *, tokens: int) -> None:
        super().__init__()
        self.map = module
        self.tokens = tokens

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W) -> (B, T, D); padding stays in its place, for the caller to cut off."""
        x_BTD: Tensor = self.map(x_BTW)
        return x_BTD

    def tokens_of(self, tokens: int) -> int:
        """As many as come in."""
        return tokens


class Pooling(InputProjection):
    """A fixed number of tokens, whatever comes in."""

    def __init__(self, module: Grouping | GroupVit | Resampler) -> None:
        super().__init__()
        self.map = module
        self.tokens = module.tokens

    def forward(self, x_BTW: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """(B, T, W) -> (B, O, D)."""
        x_BOD: Tensor = self.map(x_BTW, mask_BT)
        return x_BOD

    def tokens_of(self, tokens: int) -> int:
        """Always the same."""
        return self.tokens


def build_input(
    kind: str,
    options: Mapping[str, Any] | None = None,
    *,
    tokens: int,
    width_in: int,
    width_llm: int,
) -> InputProjection:
    """The input projection of a kind, for (at most) `tokens` features of width `width_in`.

    Raises:
        ConfigError: there is no such kind, or the options are not its own.
    """
    parsed = parse("input_projection", INPUT_KINDS, kind, options or {})
    match parsed:
        case MlpOptions(hidden=hidden):
            hidden = hidden or width_llm
            layers = (nn.Linear(width_in, hidden), nn.GELU(), nn.Linear(hidden, width_llm))
            return PerToken(nn.Sequential(*layers), tokens=tokens)
        case GroupingOptions():
            return Pooling(Grouping(parsed, tokens=tokens, width_in=width_in, width_out=width_llm))
        case GroupVitOptions():
            return Pooling(GroupVit(parsed, width_in=width_in, width_out=width_llm))
        case ResamplerOptions():
            return Pooling(Resampler(parsed, tokens=tokens, width_in=width_in, width_out=width_llm))
        case _:
            return PerToken(nn.Linear(width_in, width_llm), tokens=tokens)
