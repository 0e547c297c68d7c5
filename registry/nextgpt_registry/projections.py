"""The kinds of projection that are always there, and their options. Imports no torch.

Their classes are the core's, which `target` names; their tensors are told in `shapes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from nextgpt_registry.config import Settings
from nextgpt_registry.specs import Projection


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


def last_groups(options: GroupingOptions | GroupVitOptions, tokens: int) -> int:
    """The tokens that a grouping gives: its last groups."""
    return options.groups[-1]


def queries(options: ResamplerOptions, tokens: int) -> int:
    """The tokens that a resampler gives."""
    return options.tokens


def _bundled(
    name: str, side: Literal["input", "output"], target: str, summary: str, *, tokens: str = ""
) -> Projection:
    """A kind whose class is the core's; options and sizes are here, by the name of the class."""
    kind = target.partition(":")[2]
    return Projection(
        name=name,
        side=side,
        summary=summary,
        target=f"nextgpt_core.project.{target}",
        shapes=f"nextgpt_registry.shapes:{name}_{side}",
        tokens=f"{__name__}:{tokens}" if tokens else None,
        options=f"{__name__}:{kind}Options",
    )


BUNDLED = (
    _bundled(
        "grouping",
        "input",
        "grouping:Grouping",
        "the paper's: tokens are assigned to learnable groups",
        tokens="last_groups",
    ),
    _bundled(
        "groupvit",
        "input",
        "groupvit:GroupVit",
        "GroupViT's, as NExT-GPT's code of 2024 has it",
        tokens="last_groups",
    ),
    _bundled("linear", "input", "input:Linear", "one matrix"),
    _bundled("mlp", "input", "input:Mlp", "two matrices"),
    _bundled(
        "resampler",
        "input",
        "resampler:Resampler",
        "learned queries that read the features",
        tokens="queries",
    ),
    _bundled("linear", "output", "output:Linear", "one matrix for each condition"),
    _bundled("query", "output", "output:Query", "the paper's: a transformer with queries"),
)
"""The kinds that are always there, declared as a plugin declares its own."""

INPUT_KINDS: Mapping[str, Projection] = {p.name: p for p in BUNDLED if p.side == "input"}
"""From an encoder to the language model, by name."""

OUTPUT_KINDS: Mapping[str, Projection] = {p.name: p for p in BUNDLED if p.side == "output"}
"""From the language model to a decoder, by name."""
