"""Media by channel: shown again, made with other options, several alike. Knows no modality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from nextgpt_core.benchmark.components import decoding, together
from nextgpt_core.benchmark.rows import Comparison, Figure, LeftOut, Rounds, alternating
from nextgpt_core.benchmark.subject import Subject, seconds

_ALIKE = 4  # of one kind in an answer


def compared(subject: Subject) -> Iterator[Comparison | LeftOut]:
    """`seen.*`, `decode.*` and `alike.*`."""
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
        what = f"{_ALIKE} {channel} in one answer"
        yield together(f"alike.{channel}", what, partial(decoding, subject, channel), _ALIKE)


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
    own, other = decoding(subject, channel), decoding(subject, channel, reference)
    return alternating(lambda: (seconds(lambda: own(1)),), lambda: (seconds(lambda: other(1)),))
