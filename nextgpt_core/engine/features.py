"""Features of media, kept by content. Knows nothing about prompts.

The key of a feature is the medium's sha256 and the fingerprint of the component that made it, so
the same medium is never encoded twice, in whatever request it comes back. Legend: T tokens,
D width.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor

from nextgpt_core.assembly.components import LiveEncoder
from nextgpt_core.engine.request import Cancel
from nextgpt_registry.media import Media

Key = tuple[str, str, bool]
"""sha256 of the medium, fingerprint of the encoder, whether it was encoded alone."""

_BATCH = 16


class FeatureCache:
    """Holds at most so many bytes; what was used longest ago goes first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._kept: OrderedDict[Key, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """The bytes held now."""
        return self._size

    def get(self, key: Key) -> Tensor | None:
        """The feature, now the most recently used; None if it is not held."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Key, features_TD: Tensor) -> None:
        """Hold a feature, unless it alone is more than the limit."""
        with self._lock:
            self._drop(key)
            self._kept[key] = features_TD
            self._size += _bytes(features_TD)
            while self._size > self._limit:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Hold nothing."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def _drop(self, key: Key) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._size -= _bytes(old)


class FeatureStore:
    """Answers for the features of media: from the cache, or from the channel's encoder."""

    def __init__(self, encoders: Mapping[str, LiveEncoder], limit_bytes: int) -> None:
        self._encoders = encoders
        self.cache = FeatureCache(limit_bytes)

    def features(
        self, channel: str, media: Sequence[Media], *, alone: bool, cancel: Cancel
    ) -> tuple[dict[str, Tensor], int]:
        """{sha256: (T, D)} of media of one channel, and how many had to be encoded.

        `alone` takes and makes only features whose bytes cannot depend on what else was asked.
        """
        encoder = self._encoders[channel]
        wanted = {medium.sha256: medium for medium in media}
        found = {sha: f for sha in wanted if (f := self._cached(encoder, sha, alone)) is not None}
        if len(found) == len(wanted):
            return found, 0
        with encoder.lock:  # another request may be encoding the same: look again, then do it
            missing = []
            for sha, medium in wanted.items():
                features_TD = self._cached(encoder, sha, alone)
                if features_TD is None:
                    missing.append(medium)
                else:
                    found[sha] = features_TD
            for at in range(0, len(missing), _BATCH):
                cancel.check()
                batch = missing[at : at + _BATCH]
                single = alone or encoder.spec.varying or len(batch) == 1
                for medium, made_TD in zip(batch, encoder.encode(batch, alone=alone), strict=True):
                    found[medium.sha256] = made_TD
                    self.cache.put((medium.sha256, encoder.fingerprint, single), made_TD)
        return found, len(missing)

    def _cached(self, encoder: LiveEncoder, sha: str, alone: bool) -> Tensor | None:
        exact = self.cache.get((sha, encoder.fingerprint, True))
        if exact is not None or alone:
            return exact
        return self.cache.get((sha, encoder.fingerprint, False))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
