"""One request and the means to call it off. Knows nothing about models."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nextgpt_registry.config import Generation
from nextgpt_registry.errors import Cancelled, RequestError
from nextgpt_registry.messages import Message


@dataclass(frozen=True)
class Request:
    """A conversation up to the answer that is wanted."""

    messages: tuple[Message, ...]
    generation: Generation = field(default_factory=Generation)
    required: Mapping[str, int] = field(default_factory=dict)  # media wanted, by channel
    decoder_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by channel
    answered: Mapping[int, Sequence[int]] = field(default_factory=dict)
    """The exact ids of assistant turns that this model wrote, by index into `messages`."""
    channels: tuple[str, ...] | None = None  # those that media may be of; None: any


class Cancel:
    """A switch that any thread may throw, once, to stop a request; so do those of its parents."""

    def __init__(self, *parents: Cancel | None) -> None:
        for parent in parents:
            if parent is not None and not isinstance(parent, Cancel):
                what = f"its parent is a {type(parent).__name__}"
                raise RequestError("cancel", what, "give a Cancel")
        self._event = threading.Event()
        self._parents = tuple(filter(None, parents))

    def set(self) -> None:
        """Ask the request to stop."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether it was asked to stop."""
        return self._event.is_set() or any(parent.is_set for parent in self._parents)

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
