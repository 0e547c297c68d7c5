"""The order of work of the original, with the same parts: what company is held against.

One request at a time; its media encoded again at each turn, its prompt read again; decoders when
the text is written, one after another, with a call for each medium. Every kernel is the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace

from pydantic import BaseModel

from nextgpt_core.assembly.components import Item, Recipe
from nextgpt_core.engine.language import Language
from nextgpt_core.engine.loop import Engine
from nextgpt_core.engine.prefix import PrefixPool
from nextgpt_core.engine.worker import DecoderWorker, Executor
from nextgpt_core.engine.writing import Piece, Writing
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.model import NextGPT
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import OnStep


class Original(Pipeline):
    """The same live system, asked in the original's order; for one request at a time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.system, self.reader = pipeline.system, pipeline.reader
        self.engine = Engine(pipeline.system, untrained=True, linger_s=0.0)
        language, turn = _TextFirst(self.system.model), threading.Lock()
        self.engine.shared = replace(
            self.engine.shared,
            language=language,
            features=Features(self.system, TensorCache(memory_bytes=0)),
            prefixes=PrefixPool(self.system.model.backbone.new_cache, limit_bytes=0),
            workers={
                channel: DecoderWorker(
                    _Afterwards(worker.executor, language.done, turn), max_batch=1, linger_s=0.0
                )
                for channel, worker in pipeline.engine.shared.workers.items()
            },
        )


class _TextFirst(Language):
    """Says when an answer's text has been written."""

    def __init__(self, model: NextGPT) -> None:
        super().__init__(model)
        self.done = threading.Event()

    def write(self, writing: Writing) -> Iterator[Piece]:
        """As ever."""
        self.done.clear()
        try:
            yield from super().write(writing)
        finally:
            self.done.set()


class _Afterwards:
    """A decoder that waits for the text, and for the others."""

    def __init__(self, executor: Executor, text: threading.Event, turn: threading.Lock) -> None:
        self._executor, self._text, self._turn = executor, text, turn

    @property
    def recipe(self) -> Recipe:
        """Whose decoder it is."""
        return self._executor.recipe

    def batch_key(self, options: BaseModel) -> Hashable:
        """No two share a call anyway."""
        return self._executor.batch_key(options)

    def decode(
        self,
        items: Sequence[Item],
        options: BaseModel,
        *,
        on_step: OnStep,
        check: Callable[[], None],
    ) -> list[Media]:
        """One call, when it is its turn."""
        self._text.wait()
        with self._turn:
            return self._executor.decode(items, options, on_step=on_step, check=check)

    def close(self) -> None:
        """The executor is its own worker's."""
