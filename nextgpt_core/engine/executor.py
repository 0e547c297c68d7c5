"""Where a decoder runs: in this process, or in one of its own. Knows nothing about requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from nextgpt_core.assembly.components import Item, Recipe, decode_items
from nextgpt_registry.errors import DecodeError, NextGPTError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import OnStep

_log = logging.getLogger(__name__)

Check = Callable[[], None]
"""Returns while somebody still wants the result; raises `Cancelled` otherwise."""


class Executor(Protocol):
    """Makes media, one call at a time."""

    recipe: Recipe

    def batch_key(self, options: BaseModel) -> Hashable:
        """Items whose keys are equal may share one call."""

    def decode(
        self, items: Sequence[Item], options: BaseModel, *, on_step: OnStep, check: Check
    ) -> list[Media]:
        """The media of all items.

        Raises:
            Cancelled: nobody wants them any more.
            NextGPTError: the decoder failed.
        """

    def close(self) -> None:
        """Free what is held; a later call may take it again."""


class InlineExecutor:
    """In this process: the decoder runs on the worker's thread.

    A decoder that never calls `on_step` cannot be stopped from outside; a cancelled request does
    not wait for it, but its worker does.
    """

    def __init__(self, recipe: Recipe, component: Any) -> None:
        self.recipe = recipe
        self.component = component
        self._lock = threading.Lock()

    def batch_key(self, options: BaseModel) -> Hashable:
        """The decoder's own."""
        key: Hashable = self.component.batch_key(options)
        return key

    def decode(
        self, items: Sequence[Item], options: BaseModel, *, on_step: OnStep, check: Check
    ) -> list[Media]:
        """One call of the decoder; whatever it raises becomes a `NextGPTError`."""

        def step(done: int, total: int) -> None:
            check()
            on_step(done, total)

        try:
            with self._lock:
                return decode_items(self.component, self.recipe, items, options, step)
        except NextGPTError:
            raise
        except (Exception, SystemExit) as error:  # a plugin's code
            raise as_decode_error(self.recipe, error) from error

    def close(self) -> None:
        """Nothing is held."""


def as_decode_error(recipe: Recipe, error: BaseException) -> NextGPTError:
    """Our own errors as they are; anything else as a `DecodeError` that names the decoder."""
    if isinstance(error, NextGPTError):
        return error
    _log.error("%s failed", recipe.blame, exc_info=error)
    return DecodeError(
        str(recipe.blame), f"{type(error).__name__}: {error}", "the log has the traceback"
    )
