"""One request and the means to call it off. Knows nothing about models."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nextgpt_registry.config import Generation
from nextgpt_registry.errors import Cancelled
from nextgpt_registry.messages import Turn


@dataclass(frozen=True)
class Request:
    """A conversation up to the answer that is wanted."""

    turns: tuple[Turn, ...]
    generation: Generation = field(default_factory=Generation)
    required: Mapping[str, int] = field(default_factory=dict)  # media wanted, by channel
    decoder_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by channel


class Cancel:
    """A switch that any thread may throw, once, to stop a request."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the request to stop."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether it was asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether it was asked to stop."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Return while the request goes on.

        Raises:
            Cancelled: it was asked to stop.
        """
        if self.is_set:
            raise Cancelled


def item_seed(seed: int, *path: int | str) -> int:
    """A seed of its own for one medium (or the text) of a request: 63 bits, stable for ever."""
    digest = hashlib.sha256("/".join(str(step) for step in (seed, *path)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
