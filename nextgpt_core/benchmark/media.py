"""Encoders and decoders by channel: seen again, with other options, several in one call.

Knows no modality. What a decoder is driven by is noise of the declared shape: it takes as long as
any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from nextgpt_core.assembly.components import Item
from nextgpt_core.benchmark.rows import Comparison, Figure, LeftOut, Rounds, alternating
from nextgpt_core.benchmark.subject import Subject, seconds
from nextgpt_registry.media import Media

_ALIKE = 4  # of one kind in an answer
_BATCHES = (2, 4, 8)

Call = Callable[[int], object]
"""Has a component do so many items at once."""


def compared(subject: Subject) -> Iterator[Comparison | LeftOut]:
    """`seen.*`, `decode.*`, `alike.*`, and where they are named `components.*`."""
    system, reference = subject.pipeline.system, subject.standard.reference
    for channel in system.encoders:
        if channel not in subject.readable:
            yield LeftOut(f"seen.{channel}", "it is untrained, or there is no sample of it")
            continue
        what = f"first token about {channel} seen before"
        figure = Figure(f"seen.{channel}", what, "s", "seen in another request", "the first time")
        yield Comparison((figure,), partial(_seen, subject, channel))
    for channel in system.decoders:
        if channel not in reference:
            why = f"the config's `benchmark` has no `reference.{channel}`"
            yield LeftOut(f"decode.{channel}", why)
            continue
        told = ", ".join(f"{name}={value}" for name, value in reference[channel].items())
        figure = Figure(f"decode.{channel}", f"one {channel}", "s", "options of the config", told)
        yield Comparison((figure,), partial(_options, subject, channel, reference[channel]))
    for channel in system.decoders:
        figure = _batch_of(f"alike.{channel}", f"{_ALIKE} {channel} in one answer")
        yield Comparison((figure,), partial(_batched, partial(_decoding, subject, channel), _ALIKE))
    works = {
        f"encoder.{channel}": partial(_encoding, subject, channel) for channel in system.encoders
    }
    works |= {
        f"decoder.{channel}": partial(_decoding, subject, channel) for channel in system.decoders
    }
    for name, work in works.items():
        for batch in _BATCHES:
            figure = _batch_of(f"components.{name}.{batch}", f"{name}, {batch} items")
            yield Comparison((figure,), partial(_batched, work, batch), asked=True)


def _batch_of(name: str, what: str) -> Figure:
    return Figure(name, what, "s", "one call", "a call each")


def _batched(work: Callable[[], Call], batch: int) -> Rounds:
    call = work()
    return alternating(
        lambda: (seconds(lambda: call(batch)),),
        lambda: (seconds(lambda: [call(1) for _ in range(batch)]),),
    )


def _seen(subject: Subject, channel: str) -> Rounds:
    medium = subject.sample(channel)

    def first(words: str) -> tuple[float]:
        return (seconds(lambda: subject.ask([medium, words], max_tokens=1)),)

    def ours() -> tuple[float]:
        subject.forget()
        first("What is this?")
        return first("Describe it in a word.")

    def other() -> tuple[float]:
        subject.forget()
        return first("Describe it in a word.")

    return alternating(ours, other)


def _options(subject: Subject, channel: str, reference: Mapping[str, Any]) -> Rounds:
    own, other = _decoding(subject, channel), _decoding(subject, channel, reference)
    return alternating(
        lambda: (seconds(lambda: own(1)),),
        lambda: (seconds(lambda: other(1)),),
    )


def _decoding(subject: Subject, channel: str, changed: Mapping[str, Any] | None = None) -> Call:
    """A call of a channel's decoder, wherever it runs."""
    engine = subject.pipeline.engine
    executor, options = (
        engine.shared.workers[channel].executor,
        engine.options(channel, changed or {}),
    )
    spec = engine.system.decoders[channel].spec
    taken = tuple(subject.of_modality(modality) for modality in spec.takes)

    def call(count: int) -> list[Media]:
        items = [
            Item(
                seed,
                conditions={c.name: torch.randn(c.tokens, c.width) for c in spec.conditions},
                taken=taken,
            )
            for seed in range(count)
        ]
        return executor.decode(items, options, on_step=_nothing, check=_nothing)

    return call


def _encoding(subject: Subject, channel: str) -> Call:
    """A call of a channel's encoder."""
    encoder = subject.pipeline.system.encoders[channel]
    media = [subject.of_modality(encoder.spec.modality, seed) for seed in range(max(_BATCHES))]
    return lambda count: encoder.encode(media[:count])


def _nothing(*told: int) -> None:
    """Whoever waits for it wants no steps, and does not call it off."""
