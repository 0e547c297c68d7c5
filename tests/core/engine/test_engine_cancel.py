"""Requests that are called off."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from nextgpt_core import (
    Cancel,
    MediaProgress,
    Pipeline,
)
from nextgpt_core.testing import glyph
from nextgpt_registry.errors import Cancelled

pytestmark = pytest.mark.timeout(120)


def painter(pipeline: Pipeline) -> Any:
    return pipeline.engine.shared.workers["glyph"]


def test_cancel_stops_language_model_and_decoders(pipeline: Pipeline) -> None:
    cancel = Cancel()
    options: Any = {"glyph": {"steps": 10_000, "step_s": 0.01}}
    events = pipeline.stream(
        "hello", require={"glyph": 1}, decoder_options=options, max_tokens=1, cancel=cancel
    )
    steps = 0
    with pytest.raises(Cancelled):  # noqa: PT012
        for event in events:
            if isinstance(event, MediaProgress):
                steps += 1
                cancel.set()

    assert steps >= 1
    assert pipeline.chat("hello", require={"glyph": 1}).media  # the worker is free again


def test_cancel_before_the_first_event(pipeline: Pipeline, passes: list[int]) -> None:
    cancel = Cancel()
    cancel.set()

    with pytest.raises(Cancelled):
        pipeline.chat(["hello", glyph()], cancel=cancel)

    assert len(passes) <= 1


def test_closing_the_iterator_calls_everything_off(pipeline: Pipeline) -> None:
    options: Any = {"glyph": {"steps": 10_000, "step_s": 0.01}}
    events: Any = pipeline.stream(
        "hello", require={"glyph": 1}, decoder_options=options, max_tokens=1
    )
    while not isinstance(next(events), MediaProgress):
        pass
    events.close()

    began = time.monotonic()
    assert pipeline.chat("hello", require={"glyph": 1}).media
    assert time.monotonic() - began < 20


def test_cancelled_request_does_not_wait_for_a_decoder_that_hangs(pipeline: Pipeline) -> None:
    cancel = Cancel()
    threading.Timer(0.3, cancel.set).start()

    with pytest.raises(Cancelled):
        pipeline.chat(
            "hello",
            require={"glyph": 1},
            decoder_options={"glyph": {"step_s": 20.0}},
            max_tokens=1,
            cancel=cancel,
        )
