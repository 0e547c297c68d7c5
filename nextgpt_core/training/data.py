"""Numbered dialogues as batches. Everything follows from the step's number: there is no state.

A source answers the same dialogue for the same number, so a run that was killed needs no more than
its step to go on with the same batches. Dialogues of several passes are sorted by length together,
so that little is computed on padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from nextgpt_core.prompt.compose import Prompt
from nextgpt_core.training.numbered import UNSEEN, numbered
from nextgpt_core.training.settings import RunSettings
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.messages import Dialogue

_SHUFFLED = 1 << 21  # the most dialogues whose order is drawn anew in each pass


class Dialogues:
    """The dialogues of a stage: `training(n)` for any n, and `kept` few that are not trained on.

    A source with a length is gone through again and again, each time in another order; one
    without is asked for ever higher numbers or, where `of` says how many are enough, gone through
    like one of that length.

    Raises:
        TrainingError: the source is none, as `numbered` says.
    """

    def __init__(self, source: Any, *, keep: int, seed: int, of: int = 0) -> None:
        self._source = numbered(source, of=of)
        self._seed = seed
        self._length = self._source.length
        # Of few dialogues none is spared; then validation is on what was trained on.
        spared = keep if self._length is None else min(keep, self._length // 10)
        self._trained = (of or None) if self._length is None else self._length - spared
        self._spared = spared
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def training(self, number: int) -> Dialogue:
        """The dialogue that is trained on under this number."""
        if self._trained is None:
            return self._source[number]
        lap, place = divmod(number, self._trained)
        return self._source[self._order(lap)[place]]

    def kept(self, count: int) -> list[Dialogue]:
        """The first `count` dialogues that are not trained on."""
        if self._length is None:
            return [self._source[UNSEEN + n] for n in range(count)]
        assert self._trained is not None
        if not self._spared:
            return [self._source[n % self._trained] for n in range(min(count, self._trained))]
        return [self._source[self._trained + n] for n in range(min(count, self._spared))]

    def _shuffled(self, lap: int) -> Sequence[int]:
        assert self._trained is not None
        order = range(self._trained)
        if self._trained > _SHUFFLED:
            return order
        drawn = list(order)
        Random(f"{self._seed}/{lap}").shuffle(drawn)
        return drawn


@dataclass(frozen=True)
class Rehearsed:
    """Dialogues among which so large a share are of `others`, in turn; none of these is kept.

    Which number is whose follows from the number alone, and no dialogue is passed over.
    """

    own: Dialogues
    others: Sequence[Dialogues]
    share: float

    def training(self, number: int) -> Dialogue:
        """The dialogue that is trained on under this number."""
        before, after = (math.floor(n * self.share) for n in (number, number + 1))
        if before == after:
            return self.own.training(number - before)
        position, whose = divmod(before, len(self.others))
        return self.others[whose].training(position)

    def kept(self, count: int) -> list[Dialogue]:
        """The first `count` own dialogues that are not trained on."""
        return self.own.kept(count)


@dataclass(frozen=True)
class Example:
    """A dialogue, ready for the language model."""

    messages: Dialogue
    prompt: Prompt


Compose = Callable[[Dialogue], Prompt]


class Batches:
    """The batches of a run by number, made in a thread ahead of their use."""

    def __init__(
        self, dialogues: Dialogues | Rehearsed, compose: Compose, settings: RunSettings
    ) -> None:
        self._dialogues = dialogues
        self._compose = compose
        self._settings = settings
        self._pool = ThreadPoolExecutor(max(settings.workers, 1), "nextgpt-data")
        self._windows: dict[int, Future[list[list[Example]]]] = {}
        self.left_out = 0  # dialogues that were too long

    def step(self, step: int) -> list[list[Example]]:
        """The passes of one step: its batches, cut where they are too large for one pass."""
        count = self._settings.accumulation
        batches = [self._batch(step * count + n) for n in range(count)]
        return [part for batch in batches for part in cut(batch, self._settings.pass_tokens)]

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _batch(self, number: int) -> list[Example]:
        window, place = divmod(number, self._settings.window)
        for done in [w for w in self._windows if w < window]:
            del self._windows[done]
        for wanted in range(window, window + 1 + self._settings.workers):
            if wanted not in self._windows:
                self._windows[wanted] = self._pool.submit(self._window, wanted)
        return self._windows[window].result()[place]

    def _window(self, window: int) -> list[list[Example]]:
        """The batches of one window: sorted by length, then put in a random order."""
        settings = self._settings
        size = settings.window * settings.batch
        examples = []
        for number in range(window * size, (window + 1) * size):
            messages = self._dialogues.training(number)
            prompt = self._compose(messages)
            if len(prompt) <= settings.max_tokens:
                examples.append(Example(messages, prompt))
        self.left_out += size - len(examples)
        if len(examples) < settings.window:
            raise TrainingError(
                "training data",
                f"of {size} dialogues {len(examples)} have at most {settings.max_tokens} tokens",
                "raise max_tokens",
            )
        examples.sort(key=lambda example: len(example.prompt))  # stable: ties stay by number
        count = settings.window
        cuts = [len(examples) * n // count for n in range(count + 1)]
        batches = [examples[cuts[n] : cuts[n + 1]] for n in range(count)]
        Random(f"{settings.seed}/window/{window}").shuffle(batches)
        return batches


def cut(examples: Sequence[Example], tokens: int) -> list[list[Example]]:
    """Examples in passes of about equal size, each padded to at most so many tokens."""
    longest = max(len(example.prompt) for example in examples)
    passes = -(-len(examples) * longest // tokens)
    count = min(max(passes, 1), len(examples))
    ends = [len(examples) * n // count for n in range(count + 1)]
    return [list(examples[ends[n] : ends[n + 1]]) for n in range(count)]
