"""Each component by itself: several items in one call, against a call for each.

Knows no request. What a decoder is driven by is noise of the declared shape: it takes as long as
any. Legend: T positions, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from nextgpt_core.assembly.components import Item
from nextgpt_core.benchmark.rows import Comparison, Figure, Rounds, alternating
from nextgpt_core.benchmark.subject import Subject, seconds
from nextgpt_core.llm.passes import read_together
from nextgpt_core.llm.slots import Slots
from nextgpt_registry.errors import RequestError

_BATCHES = (2, 4, 8)
_PROMPT = 64  # tokens that each sequence holds

Call = Callable[[int], object]
"""Has a component do so many items in one call."""


def compared(subject: Subject) -> Iterator[Comparison]:
    """`components.*`, where they are named."""
    system = subject.pipeline.system
    works = {"llm": partial(passing, subject)}
    works |= {f"encoder.{name}": partial(encoding, subject, name) for name in system.encoders}
    works |= {f"decoder.{name}": partial(decoding, subject, name) for name in system.decoders}
    for name, work in works.items():
        for batch in _BATCHES:
            told = f"components.{name}.{batch}", f"{name}, {batch} items"
            yield together(*told, work, batch, asked=True)


def together(
    name: str, what: str, work: Callable[[], Call], batch: int, *, asked: bool = False
) -> Comparison:
    """So many items in one call, against a call for each."""

    def rounds() -> Rounds:
        call = work()
        return alternating(
            lambda: (seconds(lambda: call(batch)),),
            lambda: (seconds(lambda: [call(1) for _ in range(batch)]),),
        )

    return Comparison((Figure(name, what, "s", "one call", "a call each"),), rounds, asked)


def decoding(subject: Subject, channel: str, changed: Mapping[str, Any] | None = None) -> Call:
    """Calls of a channel's decoder, wherever it runs, with some of its options changed."""
    engine = subject.pipeline.engine
    executor, spec = engine.shared.workers[channel].executor, engine.system.decoders[channel].spec
    options = engine.options(channel, changed or {})
    taken = tuple(subject.of_modality(modality) for modality in spec.takes)

    def item(seed: int) -> Item:
        conditions = {c.name: torch.randn(c.tokens, c.width) for c in spec.conditions}
        return Item(seed, conditions=conditions, taken=taken)

    return lambda count: executor.decode(
        [item(seed) for seed in range(count)], options, on_step=_nothing, check=_nothing
    )


def encoding(subject: Subject, channel: str) -> Call:
    """Calls of a channel's encoder."""
    encoder = subject.pipeline.system.encoders[channel]
    media = [subject.of_modality(encoder.spec.modality, seed) for seed in range(max(_BATCHES))]
    return lambda count: encoder.encode(media[:count])


def passing(subject: Subject) -> Call:
    """Passes of the language model over a token each of so many sequences."""
    backbone, slots = subject.pipeline.system.model.backbone, Slots()
    if not backbone.feeding.together:
        raise RequestError(
            "language model", "its sequences cannot share a pass", "name other components"
        )
    x_1TD = backbone.embed(torch.zeros(1, _PROMPT, dtype=torch.long, device=backbone.device))
    places = [slots.enter(backbone.new_cache()) for _ in range(max(_BATCHES))]
    with torch.no_grad():
        read_together(backbone, slots, [(place, x_1TD) for place in places])

    @torch.no_grad()
    def call(count: int) -> None:
        read_together(backbone, slots, [(place, x_1TD[:, -1:]) for place in places[:count]])
        for place in places[:count]:
            place.held = _PROMPT  # the next is read at the same position

    return call


def _nothing(*told: int) -> None:
    """Whoever waits for it wants no steps, and does not call it off."""
