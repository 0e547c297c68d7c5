"""A decoder in a process of its own. Knows nothing about what the decoder does there.

A crash (a segmentation fault, the system killing it for memory) costs the media under way and
nothing else: they become `DecodeError`s, and the next call starts a new process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Hashable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from pydantic import BaseModel

from nextgpt_core.assembly.components import Item, Recipe
from nextgpt_core.engine.child import pack, serve
from nextgpt_core.engine.worker import Check
from nextgpt_registry import errors
from nextgpt_registry.errors import Cancelled, DecodeError, NextGPTError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import OnStep

_POLL_S = 0.05
_GRACE_S = 2.0  # for a cancelled call to end by itself, before its process is killed
_HUNG_UP = (EOFError, BrokenPipeError, ConnectionResetError)


class ProcessExecutor:
    """Starts its process at the first call, and again after it has died."""

    def __init__(self, recipe: Recipe, *, grace_s: float = _GRACE_S) -> None:
        self.recipe = recipe
        self.starts = 0
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, while it lives."""
        return self._process.pid if self._process and self._process.is_alive() else None

    def batch_key(self, options: BaseModel) -> Hashable:
        """The options themselves: asking the decoder would mean a call to its process."""
        return options.model_dump_json()

    def decode(
        self, items: Sequence[Item], options: BaseModel, *, on_step: OnStep, check: Check
    ) -> list[Media]:
        """One call of the decoder over there."""
        with self._lock:
            try:
                pipe = self._running(check)
                pipe.send(("decode", [pack(item) for item in items], options))
                while True:
                    message = self._receive(pipe, check)
                    if message[0] == "made":
                        return list(message[1])
                    on_step(*message[1:])
            except Cancelled:
                self._stop()
                raise
            except _HUNG_UP as error:
                raise self._died() from error

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None:
            process.kill()
            process.join()

    def _running(self, check: Check) -> Connection:
        if self._process is not None and self._process.is_alive() and self._pipe is not None:
            return self._pipe
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, self.recipe), daemon=True, name=str(self.recipe.blame)
        )
        self._process.start()
        theirs.close()  # so that its death is an end of file here
        self.starts += 1
        self._receive(self._pipe, check)  # "ready"
        return self._pipe

    def _receive(self, pipe: Connection, check: Check) -> tuple[Any, ...]:
        while not pipe.poll(_POLL_S):
            check()
        message: tuple[Any, ...] = pipe.recv()
        if message[0] == "failed":
            kind: type[NextGPTError] = getattr(errors, message[1], DecodeError)
            raise kind(*message[2:])
        check()
        return message

    def _stop(self) -> None:
        """Let a cancelled call end at its next step; kill the process if it does not."""
        pipe, deadline = self._pipe, time.monotonic() + self._grace_s
        with contextlib.suppress(*_HUNG_UP):
            assert pipe is not None
            pipe.send(("cancel",))
            while time.monotonic() < deadline:
                if pipe.poll(_POLL_S) and pipe.recv()[0] in ("cancelled", "made", "failed"):
                    return
        self.close()

    def _died(self) -> DecodeError:
        assert self._process is not None
        self._process.join(self._grace_s)
        return DecodeError(
            str(self.recipe.blame),
            f"its process ended with exit code {self._process.exitcode}",
            "ask again: the next call starts a new process",
        )
