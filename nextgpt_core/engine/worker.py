"""One thread per decoder: takes jobs, puts equal ones into one call. Knows nothing about models.

Where a decoder runs is its executor's affair: in this process that is the live decoder itself.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel

from nextgpt_core.answer import Cancel
from nextgpt_core.assembly.components import Item, Recipe
from nextgpt_registry.errors import Cancelled, DecodeError, MediaError, NextGPTError, ShapeError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import OnStep

_log = logging.getLogger(__name__)
_PATIENCE_S = 5.0  # what a step may take after its worker was closed


Check = Callable[[], None]
"""Returns while somebody still wants the result; raises `Cancelled` otherwise."""


class Executor(Protocol):
    """Makes media, one call at a time."""

    @property
    def recipe(self) -> Recipe:
        """Whose decoder it is."""

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


@dataclass(frozen=True, eq=False)
class Job:
    """One medium wanted by one request. The three functions are called on the worker's thread."""

    item: Item
    options: BaseModel
    cancel: Cancel
    on_step: Callable[[int, int], None]
    on_made: Callable[[Media], None]
    on_failed: Callable[[NextGPTError], None]
    alone: bool = False  # never shares a call


class DecoderWorker:
    """The queue of a decoder and the thread that empties it.

    A job that finds the decoder idle waits `linger_s` for others to share its call. Jobs share
    one when their batch keys are equal, up to `max_batch`, first come first served. If a shared
    call fails, each of its jobs is tried again alone, so that one bad item spoils no other. `check`
    holds what was made against its modality's layout.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        max_batch: int,
        linger_s: float = 0.02,
        check: Callable[[Media], Media] = lambda medium: medium,
    ) -> None:
        self.executor = executor
        self._check = check
        self.batches: deque[int] = deque(maxlen=1024)  # the size of each call, newest last
        self._max_batch = max_batch
        self._linger_s = linger_s
        self._jobs: deque[tuple[Hashable, Job]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Job) -> None:
        """Queue a job; returns at once.

        Raises:
            NextGPTError: the decoder cannot say what may share a call, or was closed.
        """
        try:
            key = (self.executor.batch_key(job.options), job.item.caption is None)
        except NextGPTError:
            raise
        except (Exception, SystemExit) as error:
            raise as_decode_error(self.executor.recipe, error) from error
        with self._changed:
            if self._closed:
                raise self._gone()
            self._jobs.append((key, job))
            if self._thread is None:
                name = f"decoder {self.executor.recipe.blame}"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._thread.start()
                atexit.register(self.close)  # for systems that nobody closes
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more jobs; those queued or under way fail. Waits for the step under way.

        A thread left running while the interpreter ends may abort the process; one that hangs is
        left all the same.
        """
        with self._changed:
            self._closed = True
            queued = [job for _, job in self._jobs]
            self._jobs.clear()
            self._changed.notify_all()
        for job in queued:
            job.on_failed(self._gone())
        self.executor.close()
        atexit.unregister(self.close)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)

    def _gone(self) -> DecodeError:
        who = str(self.executor.recipe.blame)
        return DecodeError(who, "was stopped before it was done", "ask again, before closing")

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """One call, in a frame of its own: while the next is waited for, nothing holds its media.

        False when closed.
        """
        jobs = self._take()
        if jobs:
            self._run(jobs)
        return jobs is not None

    def _take(self) -> list[Job] | None:
        """The next jobs for one call; None when closed."""
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            if not self._jobs:
                return None
            key, first = self._jobs[0]
            deadline = time.monotonic() + self._linger_s
            while not first.alone and self._waiting(key) < self._max_batch:
                left = deadline - time.monotonic()
                if left <= 0 or self._closed:
                    break
                self._changed.wait(left)
            return self._pick(key, first)  # nothing, if it was closed meanwhile

    def _waiting(self, key: Hashable) -> int:
        return sum(1 for other, job in self._jobs if other == key and not job.alone)

    def _pick(self, key: Hashable, first: Job) -> list[Job]:
        """Take `first` and those that may join it out of the queue."""
        taken: list[Job] = []
        left: deque[tuple[Hashable, Job]] = deque()
        for other, job in self._jobs:
            joins = other == key and not job.alone and not first.alone
            if job is first or (joins and len(taken) < self._max_batch):
                taken.append(job)
            else:
                left.append((other, job))
        self._jobs = left
        return [job for job in taken if not job.cancel.is_set]

    def _run(self, jobs: Sequence[Job]) -> None:
        def check() -> None:
            if self._closed or all(job.cancel.is_set for job in jobs):
                raise Cancelled

        def on_step(done: int, total: int) -> None:
            for job in jobs:
                job.on_step(done, total)

        self.batches.append(len(jobs))
        try:
            made = self.executor.decode(
                [job.item for job in jobs], jobs[0].options, on_step=on_step, check=check
            )
        except Cancelled:
            for job in jobs:
                if not job.cancel.is_set:
                    job.on_failed(self._gone())
        except BaseException as error:  # even SystemExit: the thread and the requests live on
            self._failed(jobs, as_decode_error(self.executor.recipe, error))
        else:
            for job, media in zip(jobs, made, strict=True):
                self._deliver(job, media)

    def _deliver(self, job: Job, media: Media) -> None:
        try:
            checked = self._check(media)
        except MediaError as error:
            who = str(self.executor.recipe.blame)
            job.on_failed(ShapeError(who, f"what it made {error.what}", "mend the decoder"))
        except NextGPTError as error:
            job.on_failed(error)
        else:
            job.on_made(checked)

    def _failed(self, jobs: Sequence[Job], error: NextGPTError) -> None:
        if len(jobs) == 1 or self._closed:
            for job in jobs:
                job.on_failed(error)
            return
        _log.warning("%d items of one call failed, trying each alone: %s", len(jobs), error)
        for job in jobs:
            if not job.cancel.is_set:
                self._run([job])


def as_decode_error(recipe: Recipe, error: BaseException) -> NextGPTError:
    """Our own errors as they are; others as the cause of a `DecodeError` that names the decoder."""
    if isinstance(error, NextGPTError):
        return error
    _log.error("%s failed", recipe.blame, exc_info=error)
    found = DecodeError(
        str(recipe.blame), f"{type(error).__name__}: {error}", "the log has the traceback"
    )
    found.__cause__ = error
    return found
