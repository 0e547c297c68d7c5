"""Media as the language model takes them: looked up or encoded, then projected. Knows no answer.

What is kept are features, by the medium's sha256 and the fingerprint of its encoder, so the same
medium is never encoded twice, in whatever conversation it comes back; projecting is cheap.
Legend: B media of one length, T tokens of an encoder, T' positions in the language model, W width
of an encoder, D width of the language model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from cachetools import LRUCache
from torch import Tensor

from nextgpt_core.assembly.components import check_finite
from nextgpt_core.assembly.encoders import LiveEncoder
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.prompt.compose import FeatureKey, FeatureSlot
from nextgpt_core.system import System
from nextgpt_registry.media import Media
from nextgpt_registry.messages import Message

_MOST = 4096
"""Lengths kept of media; one that is forgotten is found again by encoding."""
_BATCH = 16


class Features:
    """The features of a system's media.

    For `training` each medium is encoded alone and its features rounded before they are used, so
    they are the same bits whether they were cached, and whatever else was in the batch; media of
    one length are projected together.
    """

    def __init__(self, system: System, cache: TensorCache, *, training: bool = False) -> None:
        self.system = system
        self.cache = cache
        self.training = training
        self.fixed: dict[str | FeatureKey, int] = {
            channel: projection.tokens_of(system.encoders[channel].spec.tokens)  # type: ignore[operator]
            for channel, projection in system.model.inputs.items()
            if not system.encoders[channel].spec.varying
        }
        self._counts: LRUCache[FeatureKey, int] = LRUCache(_MOST)  # of media whose length varies
        self._lock = threading.Lock()

    def reading(self, *, alone: bool = False, check: Callable[[], None] = lambda: None) -> Reading:
        """For one conversation, or one batch.

        `alone` takes and makes only features whose bytes cannot depend on what else was asked;
        `check` returns while somebody still wants them, and raises otherwise.
        """
        return Reading(self, alone or self.training, check)

    def known(self, keys: Iterable[FeatureKey]) -> dict[FeatureKey, int]:
        """The positions of media whose length varies, as far as they are remembered."""
        with self._lock:
            return {key: self._counts[key] for key in keys if key in self._counts}

    def remember(self, counts: Mapping[FeatureKey, int]) -> None:
        """Keep how many positions media take."""
        with self._lock:
            self._counts.update(counts)


@dataclass
class Reading:
    """The way of a conversation's media to their positions; `encoded` counts encoders' work."""

    features: Features
    alone: bool
    check: Callable[[], None]
    encoded: int = 0

    def left_out(self, messages: Sequence[Message]) -> list[tuple[str, str]]:
        """Channel and words, for each medium of which an encoder leaves something out."""
        encoders = self.features.system.encoders
        found: dict[tuple[str, str], None] = {}  # the same medium twice is said once
        for channel, media in _by_channel(_shown(messages)).items():
            for medium in media.values():
                if text := encoders[channel].left_out(medium):
                    found[channel, text] = None
        return list(found)

    def positions(self, messages: Sequence[Message]) -> dict[str | FeatureKey, int]:
        """How many positions media take, by channel or, where that varies, by medium."""
        fixed, encoders = self.features.fixed, self.features.system.encoders
        counts = dict(fixed)
        for channel, media in _by_channel(_shown(messages)).items():
            if channel in fixed or channel not in encoders:
                continue  # of what nothing reads, the composer's error says it better
            found = self.features.known((channel, sha) for sha in media)
            unknown = {sha: m for sha, m in media.items() if (channel, sha) not in found}
            with torch.no_grad():
                found |= {key: len(x_TD) for key, x_TD in self._project(channel, unknown)}
            self.features.remember(found)
            counts |= found.items()
        return counts

    def projected(self, slots: Iterable[FeatureSlot]) -> dict[FeatureKey, Tensor]:
        """{(channel, sha256): (T', D)}, differentiable in the input projections."""
        by_channel = _by_channel((slot.channel, slot.media) for slot in slots)
        return {
            key: x_TD
            for channel, media in by_channel.items()
            for key, x_TD in self._project(channel, media)
        }

    def features_of(self, channel: str, media: Media) -> Tensor:
        """(T, W) of one medium: from the cache, or from its encoder."""
        return self._features(channel, {media.sha256: media})[media.sha256]

    def _project(
        self, channel: str, media: Mapping[str, Media]
    ) -> Iterator[tuple[FeatureKey, Tensor]]:
        model = self.features.system.model
        features = self._features(channel, media)
        groups: dict[object, dict[str, Tensor]] = {}
        for sha in media:
            x_TW = features[sha].to(model.backbone.device).float()
            groups.setdefault(len(x_TW) if self.features.training else sha, {})[sha] = x_TW
        for group in groups.values():
            x_BTD = model.project_in(channel, torch.stack([*group.values()]))
            if not self.features.training:  # which looks at the loss
                check_finite(f"project.{channel}", "its input projection", x_BTD)
            yield from (((channel, sha), x_TD) for sha, x_TD in zip(group, x_BTD, strict=True))

    def _features(self, channel: str, media: Mapping[str, Media]) -> dict[str, Tensor]:
        """{sha256: (T, W)} of media of one channel: from the cache, or from its encoder."""
        encoder, cache = self.features.system.encoders[channel], self.features.cache
        found = self._kept(encoder, media)
        missing = [sha for sha in media if sha not in found]
        if missing:
            with encoder.lock:  # another may be encoding the same: look again, then do it
                found |= self._kept(encoder, missing)
                missing = [sha for sha in missing if sha not in found]
                for at in range(0, len(missing), _BATCH):
                    self.check()
                    batch = {sha: media[sha] for sha in missing[at : at + _BATCH]}
                    found |= self._encode(encoder, batch)
        self.encoded += len(missing)
        cache.tell(asked=len(media), made=len(missing))
        return found

    def _encode(self, encoder: LiveEncoder, media: Mapping[str, Media]) -> dict[str, Tensor]:
        """Media of one channel through its encoder, and into the cache."""
        made = encoder.encode([*media.values()], alone=self.alone)
        if self.features.training:
            made = [_halved(x_TW.cpu()) for x_TW in made]
        single = self.alone or encoder.spec.varying or len(media) == 1
        found = dict(zip(media, made, strict=True))
        for sha, x_TW in found.items():
            self.features.cache.put(_owner(encoder, single=single), sha, x_TW)
        return found

    def _kept(self, encoder: LiveEncoder, media: Iterable[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for sha in media:
            for single in (True,) if self.alone else (True, False):
                x_TW = self.features.cache.get(_owner(encoder, single=single), sha)
                if x_TW is not None:
                    found[sha] = x_TW
                    break
        return found


def _owner(encoder: LiveEncoder, *, single: bool) -> str:
    """What features are kept under: apart, where others in their batch may have moved a bit."""
    return f"features {encoder.fingerprint}{'' if single else ' in company'}"


def _shown(messages: Iterable[Message]) -> Iterator[tuple[str, Media]]:
    """The media that are read: an assistant's own are signals, and are never encoded."""
    for message in messages:
        if message.role != "assistant":
            yield from ((p.channel, p.media) for p in message.media if p.media is not None)


def _by_channel(media: Iterable[tuple[str, Media]]) -> dict[str, dict[str, Media]]:
    """Each medium once, by channel and sha256."""
    found: dict[str, dict[str, Media]] = {}
    for channel, medium in media:
        found.setdefault(channel, {})[medium.sha256] = medium
    return found


def _halved(x: Tensor) -> Tensor:
    """In half precision, where it holds all of `x`."""
    fits = x.numel() == 0 or bool(x.abs().max() <= torch.finfo(torch.float16).max)
    return x.to(torch.float16 if fits else torch.float32).contiguous()
