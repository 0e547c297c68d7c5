"""The language model of a system and the one thread that runs it. Knows no encoder or decoder.

Requests hand in what is to be written and take pieces from a queue. Between two passes new ones are
taken in, those called off leave, texts are read whose states alone are wanted, and the scheduler
says who reads on. Where a family's sequences cannot share a pass, each pass is of one.

Legend: N positions of a pass, R sequences, T positions, D width, S signals of a group, V all ids.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from nextgpt_core.assembly.components import check_finite
from nextgpt_core.engine.scheduler import Scheduler, Turn
from nextgpt_core.engine.writing import AHEAD, End, Group, NotFinite, Piece, Writing
from nextgpt_core.llm.backbone import Run
from nextgpt_core.llm.half import pack
from nextgpt_core.llm.head import not_finite
from nextgpt_core.llm.passes import read_together
from nextgpt_core.llm.slots import Slots
from nextgpt_core.model import NextGPT
from nextgpt_core.prompt.compose import FeatureKey, Prompt
from nextgpt_registry.errors import Cancelled, NextGPTError, RequestError

Within = Callable[[], AbstractContextManager[object]]

_ROWS = 32  # sequences in a pass
_POSITIONS = {"cpu": 64}  # of prompts in a pass: as few as are no slower each
_POSITIONS_ELSEWHERE = 1024
_WHOLE = 1 << 30
_POLL_S = 0.05  # how soon it is noticed that a request was called off that nobody pulls
_LEAVING_S = 5.0  # what the pass under way may take when a request leaves
_PATIENCE_S = 30.0  # what the pass under way may take after closing
_IDLE_S = 1.0  # how long the thread stays for the next request


class Language:
    """Writes answers, any number at once; its passes run `within` a context of their thread."""

    def __init__(self, model: NextGPT, within: Within = nullcontext) -> None:
        self.model = model
        self._within = within
        pack(model.backbone.model)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._coming: list[Writing] = []
        self._texts: list[tuple[Sequence[int], Future[Tensor]]] = []
        self._going: set[Writing] = set()
        self._closed = False
        self._begin()

    def write(self, writing: Writing) -> Iterator[Piece]:
        """The pieces of an answer.

        Raises:
            Cancelled: between two tokens.
            ShapeError: the model gives numbers that are not finite.
        """
        self._add(self._coming, writing)
        try:
            while True:
                piece = writing.pieces.get()
                if writing.pieces.qsize() == AHEAD - 1:
                    self._notify()
                if isinstance(piece, BaseException):
                    raise piece
                writing.cancel.check()
                yield piece
                if isinstance(piece, End):
                    return
        finally:
            self._leave(writing)

    def states(self, ids: Sequence[int]) -> Tensor:
        """The states (T, D) after the final norm of a text, which is read between two passes.

        Raises:
            RequestError: the system was closed.
        """
        found: Future[Tensor] = Future()
        self._add(self._texts, (ids, found))
        return found.result()

    @torch.no_grad()
    def embed(self, prompt: Prompt, features: Mapping[FeatureKey, Tensor], *, start: int) -> Tensor:
        """The prompt from position `start` on, and its projected features (T', D) -> (1, T, D)."""
        ids_BT = torch.tensor([prompt.ids[start:]], device=self.model.backbone.device)
        return self.model.embed(ids_BT, prompt.rows(features, start=start))

    @torch.no_grad()
    def conditions(self, group: Group) -> dict[str, Tensor]:
        """The decoder's conditions {name: (T, W)} of one group.

        Raises:
            ShapeError: not all are numbers.
        """
        ids_BS = torch.tensor([group.ids], device=self.model.backbone.device)
        found = self.model.project_out(group.channel, group.hidden_SD[None], ids_BS)
        for value in found.values():
            check_finite(f"project.{group.channel}", "its output projection", value)
        return {name: value[0] for name, value in found.items()}

    def close(self) -> None:
        """Write nothing more: answers under way end with an error."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE_S)

    # a request's thread

    def _add(self, waiting: list[Any], one: Any) -> None:
        """Have the thread do one more thing; it begins with the first."""
        with self._changed:
            if self._closed:
                raise _closed()
            waiting.append(one)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="language model", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)  # one that runs as the interpreter ends aborts it
            self._changed.notify_all()

    def _leave(self, writing: Writing) -> None:
        """Return when the prefix is its own again; it is not kept where that cannot be waited for.

        An iterator that was forgotten is closed by whichever thread collects it, in the middle of
        anything: it may be this one's, or one that has the lock already.
        """
        with self._changed:
            if writing.released.is_set():
                return
            self._going.add(writing)
            self._changed.notify_all()
        here = threading.current_thread() is self._thread
        if here or not writing.released.wait(_LEAVING_S):
            writing.prefix.broken = True

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # the language model's thread

    def _begin(self) -> None:
        """Nothing is read yet."""
        backbone = self.model.backbone
        positions = _POSITIONS.get(backbone.device.type, _POSITIONS_ELSEWHERE)
        self._slots = Slots() if backbone.feeding.together else None
        self._scheduler: Scheduler[Writing] = Scheduler(
            rows=_ROWS if backbone.feeding.together else 1,
            positions=_WHOLE if backbone.reads_anew else positions,
        )

    @torch.no_grad()
    def _work(self) -> None:
        try:
            while (ready := self._ready()) is not None:
                with self._within():
                    if self._texts:
                        self._read_text()
                    if ready:
                        self._pass(self._scheduler.next(ready))
                ready.clear()  # while the next are waited for, nothing holds these
        except BaseException as error:  # nobody is left waiting for what will not come
            self._lost(error)
            raise

    def _ready(self) -> set[Writing] | None:
        """Who can go on, as soon as there is anything to do; None once there has been nothing."""
        with self._changed:
            while True:
                for writing in self._coming:
                    if self._slots is not None:
                        writing.place = self._slots.enter(writing.prefix.cache)
                    self._scheduler.add(writing)
                self._coming.clear()
                for writing in self._scheduler:
                    if self._closed:
                        self._release(writing, _closed())
                    elif writing.cancel.is_set or writing in self._going:
                        self._release(writing, Cancelled())
                self._going.clear()
                ready = {one for one in self._scheduler if not one.waits}
                if ready or self._texts:
                    return ready
                if self._scheduler:
                    self._changed.wait(_POLL_S)
                elif self._closed or not self._changed.wait_for(
                    lambda: self._coming or self._texts or self._closed, _IDLE_S
                ):
                    self._thread = None
                    atexit.unregister(self.close)
                    return None

    def _read_text(self) -> None:
        """Read one of the texts whose states are waited for."""
        backbone, (ids, found) = self.model.backbone, self._texts.pop(0)
        try:
            ids_1T = torch.tensor([ids], device=backbone.device)
            found.set_result(backbone.run(backbone.embed(ids_1T)).final_BTD[0])
        except BaseException as error:  # whoever waits is told
            found.set_exception(error)

    def _lost(self, error: BaseException) -> None:
        """Between two passes something failed: whoever waits is told, and what was read is gone."""
        with self._changed:
            for writing in {*self._scheduler, *self._coming}:
                writing.prefix.broken = True
                writing.over(error)
            self._coming.clear()
            while self._texts:
                self._texts.pop()[1].set_exception(error)
            self._thread = None
            self._begin()

    def _release(
        self, writing: Writing, last: Piece | BaseException | Callable[[], BaseException]
    ) -> None:
        """Read on in a sequence no more: what it holds is its prefix's again."""
        self._scheduler.remove(writing)
        prefix = writing.prefix
        if self._slots is not None and writing.place is not None:
            self._slots.leave(writing.place, prefix.cache, clear=prefix.broken)
        writing.over(last() if callable(last) else last)

    def _pass(self, turns: Sequence[Turn[Writing]]) -> None:
        """Read on, and write. If a shared pass fails each is tried alone: one may be at fault."""
        try:
            runs = self.read(turns)
        except Exception as error:  # a family's own code, or no memory
            if len(turns) > 1:
                for turn in turns:
                    self._pass([turn])
            else:
                self._release(turns[0].who, error)
            return
        choosing: list[tuple[Writing, Tensor]] = []
        for turn, run in zip(turns, runs, strict=True):
            if (final_D := self._tried(turn.who, turn.who.took, turn.count, run)) is not None:
                choosing.append((turn.who, final_D))
        if choosing:
            logits_RV = self.model.logits(torch.stack([final_D for _, final_D in choosing]))
            for (writing, _), logits_V in zip(choosing, logits_RV, strict=True):
                self._tried(writing, writing.choose, logits_V)
        for turn in turns:
            if turn.who.last is not None:
                self._release(turn.who, turn.who.last)

    def read(self, turns: Sequence[Turn[Writing]]) -> list[Run]:
        """One pass over the next positions of each; of one alone, where slots are not for it."""
        embedded = self._embedded(turns)
        if self._slots is not None:
            parts = zip((turn.who.place for turn in turns), embedded, strict=True)
            return read_together(self.model.backbone, self._slots, [*parts])
        (turn,), (x_1TD,) = turns, embedded
        try:
            return [self.model.backbone.run(x_1TD, cache=turn.who.prefix.cache)]
        except BaseException:
            turn.who.prefix.undo()
            raise

    def _embedded(self, turns: Sequence[Turn[Writing]]) -> list[Tensor]:
        """The embeddings (1, T, D) of what each reads next."""
        coming = [turn.who.upcoming(turn.count) for turn in turns]
        written = [len(ids) for ids, x_1TD in coming if x_1TD is None]
        if not written:
            return [x_1TD for _, x_1TD in coming if x_1TD is not None]
        ids_1N = torch.tensor([[i for ids, x in coming if x is None for i in ids]])
        rest = iter(self.model.embed(ids_1N.to(self.model.backbone.device)).split(written, 1))
        return [next(rest) if x_1TD is None else x_1TD for _, x_1TD in coming]

    def _tried(self, writing: Writing, step: Callable[..., Tensor | None], *given: Any) -> Any:
        """What a step of one sequence comes to; if it raises, that sequence alone is at an end."""
        try:
            return step(*given)
        except NotFinite:
            prefix = writing.prefix
            prefix.broken = True
            self._release(writing, lambda: not_finite(prefix.cache, len(prefix.keys)))
        except Exception as error:  # a tokenizer's own code, say
            self._release(writing, error)


def _closed() -> NextGPTError:
    return RequestError("request", "the system was closed", "ask before closing it")
