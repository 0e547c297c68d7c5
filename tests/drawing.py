"""A decoder asked by hand: conditions and seeds in, media out. Knows no decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch


def seeds(*numbers: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(number) for number in numbers]


def batch(
    decoder: Any, conditions: Mapping[str, Tensor], *numbers: int, **more: Any
) -> DecodeBatch:
    """Of its own options, but for `more`."""
    options = decoder.options.model_copy(update=more)
    return DecodeBatch(conditions, options=options, generators=seeds(*numbers))


@torch.no_grad()
def draw(decoder: Any, conditions: Mapping[str, Tensor], *numbers: int, **more: Any) -> list[Media]:
    """A medium for each seed."""
    made: list[Media] = decoder.decode(batch(decoder, conditions, *numbers, **more))
    return made
