"""The system under test, and how it is asked: one request, or several clients at once.

Knows no figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nextgpt_core.answer import Answer
from nextgpt_core.benchmark.goals import Standard
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.errors import RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart
from nextgpt_registry.specs import Modality
from nextgpt_registry.targets import blamed, resolve

PROMPTS = (
    "Write a long story about a dragon who is afraid of fire.",
    "Explain at length how bread is made.",
    "Tell me everything that you know about the sea.",
    "Describe a day in the life of a baker, hour by hour.",
    "Write a long letter to a friend about a journey through the mountains.",
    "Explain in detail how a bicycle works.",
    "List many reasons to learn a language, and say more about each.",
    "Write a long fairy tale about a fox and a clock.",
)
"""Their answers are longer than they are let to be."""


@dataclass(frozen=True)
class Scale:
    """How much each side does in a run."""

    tokens: int = 48  # of an answer
    clients: int = 8
    prompt: int = 2000  # tokens of a long prompt
    requests: int = 1000  # of a batch
    settled: int = 50  # of these, before its memory is looked at first
    least: int = 3  # rounds of every comparison, however long they take
    most: int = 15


QUICK = Scale(tokens=8, prompt=300, requests=60, settled=20, least=1, most=1)
"""To see whether all of it runs."""


@dataclass(frozen=True)
class Subject:
    """A live system. `command` is how a command names it; None where none can."""

    pipeline: Pipeline
    command: tuple[str, ...] | None
    standard: Standard
    scale: Scale

    def forget(self) -> None:
        """Keep nothing of earlier requests: neither prompts nor features of media."""
        self.pipeline.engine.shared.prefixes.clear()
        self.pipeline.engine.shared.features.cache.clear()

    def ask(self, parts: Any, **options: Any) -> Answer:
        """The answer in words alone, to one request whose answer is greedy."""
        told = {"temperature": 0.0, "max_media": 0, "max_tokens": self.scale.tokens} | options
        return self.pipeline.chat(parts, **told)

    def prompts(self, count: int) -> list[str]:
        """As many prompts, no two alike."""
        return [f"{PROMPTS[n % len(PROMPTS)]} ({n})" for n in range(count)]

    @property
    def readable(self) -> tuple[str, ...]:
        """The channels that can be given, and of whose modality there are samples."""
        system, ready = self.pipeline.system, self.pipeline.engine.readiness
        return tuple(
            channel
            for channel in system.encoders
            if not ready.lacking(channel, "in") and self._declared(self._modality(channel)).sample
        )

    @property
    def writable(self) -> tuple[str, ...]:
        """The channels that can be required of any conversation."""
        decoders, ready = self.pipeline.system.decoders, self.pipeline.engine.readiness
        return tuple(
            channel
            for channel, decoder in decoders.items()
            if not decoder.spec.needs and not ready.lacking(channel, "out")
        )

    def text(self, tokens: int) -> str:
        """A prompt of about so many tokens."""
        sentence = " ".join(PROMPTS)
        count = len(self.pipeline.system.composer.tokenize(sentence))
        return " ".join([sentence] * max(1, tokens // count))

    @property
    def long_prompt(self) -> int:
        """How many tokens a long prompt has: less where the model reads no more."""
        return min(self.scale.prompt, self.pipeline.system.model.backbone.context // 2)

    def sample(self, channel: str, seed: int = 0) -> MediaPart:
        """A small medium of a channel, another one for each seed."""
        return MediaPart(channel, self.of_modality(self._modality(channel), seed))

    def of_modality(self, modality: str, seed: int = 0) -> Media:
        """A small medium of a modality.

        Raises:
            RequestError: it declares none.
        """
        target = self._declared(modality).sample
        if target is None:
            what = "declares no `sample`, so there is nothing to show"
            raise RequestError(f"modality {modality}", what, "add one to its plugin's manifest")
        with blamed(target):
            made: Media = resolve(target)(seed)
        return made

    def _modality(self, channel: str) -> str:
        return self.pipeline.system.plan.channels[channel].modality.name

    def _declared(self, modality: str) -> Modality:
        return self.pipeline.system.catalog.modalities[modality]


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What all calls come to, each made by a thread of its own at the same time."""
    with ThreadPoolExecutor(len(calls), "nextgpt-bench") as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rate(work: Callable[[], Sequence[Answer]]) -> float:
    """Tokens a second of some answers."""
    began = time.perf_counter()
    answers = work()
    return sum(one.timings.generated_tokens for one in answers) / (time.perf_counter() - began)
