"""The kinds of projection and their options, so that a plan can check them without torch.

The modules are built in the core; their parameter counts are worked out in `sizes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from nextgpt_registry.config import Settings


class LinearOptions(Settings):
    """One matrix and a bias."""


class MlpOptions(Settings):
    """Two matrices with a GELU between; `hidden` defaults to the width that comes out."""

    hidden: int | None = Field(default=None, gt=0)  # width between the two


class _Attention(Settings):
    width: int = Field(default=512, gt=0)  # of its own states; a multiple of `heads`
    heads: int = Field(default=8, gt=0)  # of attention
    ffn: int = Field(default=2048, gt=0)  # width between the two matrices of a layer

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self


class GroupingOptions(_Attention):
    """The paper's: tokens are assigned to learnable groups, stage by stage.

    `groups` says how many groups each stage has; the last number of tokens reaches the LLM.
    """

    groups: tuple[int, ...] = Field(default=(64, 8), min_length=1)  # of each stage, in order
    depth: int = Field(default=2, gt=0)  # transformer layers before each stage
    dropout: float = Field(default=0.0, ge=0, lt=1)  # in training


class GroupVitOptions(_Attention):
    """GroupViT's, as NExT-GPT's code of 2024 has it: another network than the paper's.

    There is a depth for each number of groups, and one for the layers after the last.
    """

    groups: tuple[int, ...] = Field(default=(64, 8), min_length=1)  # of each stage, in order
    depths: tuple[int, ...] = Field(default=(6, 3, 3), min_length=2)  # layers of each stage

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wanted = len(self.groups) + 1
        if len(self.depths) != wanted or min((*self.groups, *self.depths)) < 1:
            raise ValueError(f"depths {self.depths}: write {wanted} positive numbers")
        return self


class ResamplerOptions(_Attention):
    """Learned queries that attend to the features (Perceiver)."""

    tokens: int = Field(default=8, gt=0)  # queries: what reaches the language model
    depth: int = Field(default=2, gt=0)  # layers
    dropout: float = Field(default=0.0, ge=0, lt=1)  # in training


class QueryOptions(_Attention):
    """The paper's output projection: a small transformer with learned queries."""

    heads: int = Field(default=4, gt=0)  # of attention
    layers: int = Field(default=4, gt=0)  # of the encoder, and of the decoder
    dropout: float = Field(default=0.0, ge=0, lt=1)  # in training


INPUT_KINDS: Mapping[str, type[Settings]] = {
    "grouping": GroupingOptions,
    "groupvit": GroupVitOptions,
    "linear": LinearOptions,
    "mlp": MlpOptions,
    "resampler": ResamplerOptions,
}
"""From an encoder to the language model."""

OUTPUT_KINDS: Mapping[str, type[Settings]] = {
    "linear": LinearOptions,
    "query": QueryOptions,
}
"""From the language model to a decoder."""
