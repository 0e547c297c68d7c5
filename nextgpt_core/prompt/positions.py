"""One sequence of positions, and where in it media and signals stand. Knows no tokenizer.

A position is a token id or one token of a medium's features. Legend: T' positions of a medium,
N of all media, D width of the language model.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nextgpt_core.signal.grammar import SignalVocabulary
from nextgpt_registry.errors import RequestError
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


class Draft:
    """A prompt being written. `feature_tokens` says how many positions media take."""

    def __init__(
        self, vocabulary: SignalVocabulary, feature_tokens: Mapping[str | FeatureKey, int]
    ) -> None:
        self._vocabulary = vocabulary
        self._feature_tokens = feature_tokens
        self._ids: list[int] = []
        self._keys: list[Hashable] = []
        self._labels: list[int] = []
        self._features: list[FeatureSlot] = []
        self._groups: list[GroupSlot] = []

    def tokens(self, ids: Sequence[int], *, labelled: bool = False) -> None:
        """Add ids, as labels too if they are to be learned."""
        vocabulary = self._vocabulary
        self._ids += ids
        self._keys += ids
        self._labels += [
            t if labelled and (t < vocabulary.base or vocabulary.is_first(t)) else UNLABELLED
            for t in ids
        ]

    @property
    def ends_in_text(self) -> bool:
        """Whether the last position is an id of the base vocabulary."""
        return bool(self._ids) and 0 <= self._ids[-1] < self._vocabulary.base

    def medium(self, part: MediaPart) -> None:
        """Add the positions of a medium that is read."""
        if part.media is None:
            raise RequestError(
                f"user turn with {part.channel!r}", "holds no medium", "give the MediaPart media"
            )
        key = part.channel, part.media.sha256
        count = self._feature_tokens.get(key, self._feature_tokens.get(part.channel))
        if count is None:
            names = sorted({k if isinstance(k, str) else k[0] for k in self._feature_tokens})
            raise RequestError(
                f"user turn with {part.channel!r}",
                "this system reads no such media",
                f"channels that read media: {', '.join(names) or 'none'}",
            )
        self._features.append(
            FeatureSlot(part.channel, len(self._ids), count, part.media, part.caption)
        )
        self._ids += [FEATURE] * count
        self._keys += [(*key, place) for place in range(count)]
        self._labels += [UNLABELLED] * count

    def answer(self, ids: Sequence[int], media: Sequence[MediaPart]) -> None:
        """Add an assistant turn, of these media as far as they are known."""
        parts, start = iter(media), len(self._ids)
        self._groups += [
            GroupSlot(block.channel, start + place, block.count, next(parts, None))
            for place, block in self._vocabulary.groups(ids)
        ]
        self.tokens(ids, labelled=True)

    def prompt(self) -> Prompt:
        """What was written."""
        return Prompt(
            tuple(self._ids),
            tuple(self._keys),
            tuple(self._labels),
            tuple(self._features),
            tuple(self._groups),
        )


def common_prefix(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """How many keys two prompts share from the start."""
    for place, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return place
    return min(len(a), len(b))
