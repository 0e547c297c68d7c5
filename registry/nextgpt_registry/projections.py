"""The kinds of projection: their options, how many tokens they give, how many parameters they have.

The modules themselves are the core's (`nextgpt_core.project`), whose tests hold them to these
counts. Legend: T tokens, W width of the encoder or of a condition, D width of the language model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from nextgpt_registry.specs import Condition


class InputOptions(BaseModel):
    """What every kind of input projection (T, W) -> (T', D) says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def tokens_out(self, tokens: int) -> int:
        """T', the tokens that the language model sees of one medium."""

    @abstractmethod
    def parameters(self, *, tokens: int, width_in: int, width_llm: int) -> int:
        """How many numbers it learns."""


class OutputOptions(BaseModel):
    """What every kind of output projection (S, D) -> {condition: (T, W)} says about itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def parameters(self, *, width_llm: int, signals: int, conditions: Sequence[Condition]) -> int:
        """How many numbers it learns."""


class Linear(InputOptions):
    """One linear layer for each token."""

    def tokens_out(self, tokens: int) -> int:
        """As many as come in."""
        return tokens

    def parameters(self, *, tokens: int, width_in: int, width_llm: int) -> int:
        """W D + D."""
        return linear(width_in, width_llm)


class Mlp(InputOptions):
    """Two linear layers with a GELU between them."""

    hidden: int | None = Field(default=None, gt=0)  # the width of the language model

    def tokens_out(self, tokens: int) -> int:
        """As many as come in."""
        return tokens

    def parameters(self, *, tokens: int, width_in: int, width_llm: int) -> int:
        """Both layers."""
        hidden = self.hidden or width_llm
        return linear(width_in, hidden) + linear(hidden, width_llm)


class Query(OutputOptions):
    """Learned queries that attend to the signals (the paper's, C.2): one out layer a condition."""

    width: int = Field(default=512, gt=0)
    layers: int = Field(default=4, gt=0)  # in the encoder, and again in the decoder
    heads: int = Field(default=4, gt=0)
    ffn: int = Field(default=2048, gt=0)

    def parameters(self, *, width_llm: int, signals: int, conditions: Sequence[Condition]) -> int:
        """In layer, transformer with its two final norms, queries, out layers."""
        attention = 4 * linear(self.width, self.width)
        ffn = linear(self.width, self.ffn) + linear(self.ffn, self.width)
        encoder = attention + ffn + 2 * norm(self.width)
        decoder = 2 * attention + ffn + 3 * norm(self.width)
        transformer = self.layers * (encoder + decoder) + 2 * norm(self.width)
        heads = sum(c.tokens * self.width + linear(self.width, c.width) for c in conditions)
        return linear(width_llm, self.width) + transformer + heads


INPUT_KINDS: Mapping[str, type[InputOptions]] = {"linear": Linear, "mlp": Mlp}
"""Input projections by the name a config uses."""

OUTPUT_KINDS: Mapping[str, type[OutputOptions]] = {"query": Query}
"""Output projections by the name a config uses."""


def linear(width_in: int, width_out: int) -> int:
    """The parameters of a linear layer with its bias."""
    return width_in * width_out + width_out


def norm(width: int) -> int:
    """The parameters of a layer norm."""
    return 2 * width
