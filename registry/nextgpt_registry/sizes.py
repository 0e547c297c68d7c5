"""How many tokens a projection gives and how many numbers it learns, worked out without torch."""

from __future__ import annotations

from collections.abc import Sequence

from nextgpt_registry.config import Settings
from nextgpt_registry.projections import GroupingOptions, GroupVitOptions, ResamplerOptions
from nextgpt_registry.shapes import input_shapes, output_shapes, size
from nextgpt_registry.specs import Condition


def input_tokens(options: Settings, tokens: int) -> int:
    """The tokens that the language model sees of a medium of `tokens` features."""
    if isinstance(options, GroupingOptions | GroupVitOptions):
        return options.groups[-1]
    if isinstance(options, ResamplerOptions):
        return options.tokens
    return tokens


def input_parameters(options: Settings, *, tokens: int, width_in: int, width_llm: int) -> int:
    """The size of an input projection, by the class of its options."""
    return size(input_shapes(options, tokens=tokens, width_in=width_in, width_llm=width_llm))


def output_parameters(
    options: Settings, *, width_llm: int, signals: int, conditions: Sequence[Condition]
) -> int:
    """The size of an output projection, by the class of its options."""
    return size(output_shapes(options, width_llm=width_llm, signals=signals, conditions=conditions))
