"""One sequence of positions, and where in it media and signals stand. Knows no tokenizer.

A position is a token id or one token of a medium's features. Legend: T' positions of a medium,
N of all media, D width of the language model.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart

FEATURE = -1
"""The id of a position that holds a feature."""
UNLABELLED = -100
"""The label of a position that is not trained on."""

FeatureKey = tuple[str, str]
"""(channel, sha256 of the medium): what projected features are kept under."""


@dataclass(frozen=True)
class FeatureSlot:
    """Positions `start` to `start + count - 1` hold a medium's features."""

    channel: str
    start: int
    count: int
    media: Media
    caption: str = ""

    @property
    def end(self) -> int:
        """One past the last position."""
        return self.start + self.count

    @property
    def key(self) -> FeatureKey:
        """What the features are looked up by."""
        return self.channel, self.media.sha256


@dataclass(frozen=True)
class GroupSlot:
    """Positions `start` to `start + count - 1` hold a signal group of an assistant turn."""

    channel: str
    start: int
    count: int
    part: MediaPart | None  # None where only the generated ids are known


@dataclass(frozen=True)
class Prompt:
    """One sequence of T positions."""

    ids: tuple[int, ...]  # `FEATURE` where a feature stands
    keys: tuple[Hashable, ...]  # equal keys from the start on: equal keys and values in the LLM
    labels: tuple[int, ...]  # of each position itself, not of the next; `UNLABELLED` elsewhere
    features: tuple[FeatureSlot, ...] = ()
    groups: tuple[GroupSlot, ...] = ()

    def __len__(self) -> int:
        """T."""
        return len(self.ids)

    def rows(self, features: Mapping[FeatureKey, Tensor], *, start: int = 0) -> Tensor | None:
        """Features (T', D) of media -> (N, D), one for each `FEATURE` from position `start` on."""
        shown = [slot for slot in self.features if slot.end > start]
        found = [features[slot.key][max(0, start - slot.start) :] for slot in shown]
        return torch.cat(found) if found else None


def common_prefix(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """How many keys two prompts share from the start."""
    for place, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return place
    return min(len(a), len(b))
