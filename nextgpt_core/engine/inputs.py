"""The media that a prompt holds, as the language model takes them. Knows nothing about answers.

Legend: T tokens of an encoder, T' positions in the language model, D width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from nextgpt_core.assembly.boundary import check_finite
from nextgpt_core.engine.features import FeatureStore
from nextgpt_core.engine.request import Cancel
from nextgpt_core.prompt.positions import FeatureKey, FeatureSlot
from nextgpt_core.system import System
from nextgpt_registry.media import Media
from nextgpt_registry.messages import Message

_MOST = 4096
"""Lengths kept of media; one that is forgotten is found again by encoding."""


class Inputs:
    """Encodes and projects; only encoding is kept, projecting is cheap."""

    def __init__(self, system: System) -> None:
        self.store = FeatureStore(system.encoders, system.config.feature_cache_mb << 20)
        self._system = system
        self._fixed = {
            channel: projection.tokens_of(system.encoders[channel].spec.tokens)  # type: ignore[operator]
            for channel, projection in system.model.inputs.items()
            if not system.encoders[channel].spec.varying
        }
        self._counts: dict[FeatureKey, int] = {}  # positions of media whose length varies

    def left_out(self, messages: Sequence[Message]) -> list[tuple[str, str]]:
        """Channel and words, for each medium of which an encoder leaves something out."""
        found: dict[tuple[str, str], None] = {}  # the same medium twice is said once
        for channel, media in _by_channel(_read(messages)).items():
            for medium in media:
                if text := self._system.encoders[channel].left_out(medium):
                    found[channel, text] = None
        return list(found)

    def positions(
        self, messages: Sequence[Message], *, alone: bool, cancel: Cancel
    ) -> tuple[dict[FeatureKey, int], int]:
        """How many positions each medium takes, and how many had to be encoded to know."""
        counts: dict[FeatureKey, int] = {}
        encoded = 0
        for channel, media in _by_channel(_read(messages)).items():
            if channel not in self._system.encoders:
                continue  # the composer's error says it better
            if channel in self._fixed:
                counts |= {(channel, m.sha256): self._fixed[channel] for m in media}
                continue
            before = self._counts
            keys = {(channel, m.sha256): m for m in media}
            unknown = [m for key, m in keys.items() if key not in before]
            projected, new = self._project(channel, unknown, alone=alone, cancel=cancel)
            encoded += new
            found = {key: before[key] for key in keys if key in before}
            found |= {key: len(x_TD) for key, x_TD in projected.items()}
            self._counts = dict([*(before | found).items()][-_MOST:])
            counts |= found
        return counts, encoded

    def projected(
        self, slots: Sequence[FeatureSlot], *, alone: bool, cancel: Cancel
    ) -> tuple[dict[FeatureKey, Tensor], int]:
        """{(channel, sha256): (T', D)} of some slots, and how many had to be encoded."""
        found: dict[FeatureKey, Tensor] = {}
        encoded = 0
        for channel, media in _by_channel((s.channel, s.media) for s in slots).items():
            projected, new = self._project(channel, media, alone=alone, cancel=cancel)
            found |= projected
            encoded += new
        return found, encoded

    @torch.no_grad()
    def _project(
        self, channel: str, media: Sequence[Media], *, alone: bool, cancel: Cancel
    ) -> tuple[dict[FeatureKey, Tensor], int]:
        if not media:
            return {}, 0
        features, encoded = self.store.features(channel, media, alone=alone, cancel=cancel)
        model = self._system.model
        device = model.backbone.device
        found = {
            (channel, sha): model.project_in(channel, x_TD[None].to(device))[0]
            for sha, x_TD in features.items()
        }
        for x_TD in found.values():
            check_finite(f"project.{channel}", "its input projection", x_TD)
        return found, encoded


def _read(messages: Sequence[Message]) -> Iterable[tuple[str, Media]]:
    """The media that are read: an assistant's own are signals, and are never encoded."""
    for message in messages:
        if message.role != "assistant":
            yield from ((p.channel, p.media) for p in message.media if p.media is not None)


def _by_channel(media: Iterable[tuple[str, Media]]) -> dict[str, list[Media]]:
    found: dict[str, list[Media]] = {}
    for channel, medium in media:
        found.setdefault(channel, []).append(medium)
    return found
