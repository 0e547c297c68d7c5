"""How many tokens a projection gives and how many numbers it learns, worked out without torch.

The core's tests hold these counts to the real modules (`nextgpt_core.project`).
"""

from __future__ import annotations

from collections.abc import Sequence

from nextgpt_registry.config import Settings
from nextgpt_registry.projections import (
    GroupingOptions,
    GroupVitOptions,
    LinearOptions,
    MlpOptions,
    QueryOptions,
    ResamplerOptions,
)
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
    match options:
        case MlpOptions(hidden=hidden):
            inner = hidden or width_llm
            return linear(width_in, inner) + linear(inner, width_llm)
        case GroupingOptions(width=width, ffn=ffn):
            frame = linear(width_in, width) + tokens * width + norm(width)
            merge = norm(width) + linear(width, ffn) + linear(ffn, width)
            temperature = 1
            stages = sum(
                groups * width
                + encoder(width, ffn, options.depth)
                + 2 * norm(width)
                + temperature
                + merge
                for groups in options.groups
            )
            return frame + stages + linear(width, width_llm)
        case GroupVitOptions():
            return _groupvit(options, width_in, width_llm)
        case ResamplerOptions(width=width, ffn=ffn):
            learned = (tokens + options.tokens) * width
            layers = decoder(width, ffn, options.depth)
            frame = linear(width_in, width) + norm(width) + linear(width, width_llm)
            return frame + learned + layers
        case LinearOptions():
            return linear(width_in, width_llm)
    raise AssertionError(f"a kind of input projection without a size: {options!r}")


def output_parameters(
    options: Settings, *, width_llm: int, signals: int, conditions: Sequence[Condition]
) -> int:
    """The size of an output projection, by the class of its options."""
    match options:
        case QueryOptions(width=width, ffn=ffn, layers=layers):
            transformer = encoder(width, ffn, layers) + decoder(width, ffn, layers)
            heads = sum(c.tokens * width + linear(width, c.width) for c in conditions)
            return linear(width_llm, width) + transformer + heads
        case LinearOptions():
            places = sum(signals * c.tokens for c in conditions if c.tokens != signals)
            return places + sum(linear(width_llm, c.width) for c in conditions)
    raise AssertionError(f"a kind of output projection without a size: {options!r}")


def linear(width_in: int, width_out: int) -> int:
    """A linear layer with its bias."""
    return width_in * width_out + width_out


def norm(width: int) -> int:
    """A layer norm."""
    return 2 * width


def encoder(width: int, ffn: int, layers: int) -> int:
    """Layers of self-attention and feed-forward, and a final norm."""
    layer = _attention(width) + _feed_forward(width, ffn) + 2 * norm(width)
    return layers * layer + norm(width)


def decoder(width: int, ffn: int, layers: int) -> int:
    """Layers of self-attention, cross-attention and feed-forward, and a final norm."""
    layer = 2 * _attention(width) + _feed_forward(width, ffn) + 3 * norm(width)
    return layers * layer + norm(width)


def _groupvit(options: GroupVitOptions, width_in: int, width_llm: int) -> int:
    width, ffn, half = options.width, options.ffn, options.width // 2
    block = 3 * width * width + linear(width, width) + _feed_forward(width, ffn) + 2 * norm(width)
    gather = 2 * (_attention(width) + _feed_forward(width, ffn)) + 6 * norm(width)
    total = linear(width_in, width) + norm(width) + linear(width, width_llm)
    total += sum(options.depths) * block
    before = 0
    for groups in options.groups:
        total += groups * width + gather + linear(groups, half) + linear(half, groups)
        if before:
            total += norm(width) + linear(before, half) + linear(half, groups)
        before = groups
    return total


def _attention(width: int) -> int:
    return 4 * linear(width, width)


def _feed_forward(width: int, ffn: int) -> int:
    return linear(width, ffn) + linear(ffn, width)
