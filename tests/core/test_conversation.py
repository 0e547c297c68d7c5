"""Conversations remember both sides; the async forms answer like the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nextgpt_core import Cancel, Finished, GeneratedMedia, MediaProgress, Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.errors import Cancelled, RequestError
from nextgpt_registry.messages import MediaPart, Message

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


def test_conversation_remembers_both_sides(pipeline: Pipeline) -> None:
    talk = pipeline.conversation()
    answer = talk.say(["hi", glyph(1)], require={"glyph": 1})

    user, own = talk.messages
    assert user == Message("user", ("hi", MediaPart("glyph", glyph(1))))
    assert own.role == "assistant"
    assert own.media == (MediaPart("glyph", answer.media[0].media),)
    talk.reset()
    assert talk.messages == ()


def test_failed_medium_stays_in_the_conversation_as_a_gap(pipeline: Pipeline) -> None:
    talk = pipeline.conversation()
    talk.say("hi", require={"glyph": 1}, decoder_options={"glyph": {"fail": "raise"}})

    assert talk.messages[1].media == (MediaPart("glyph"),)
    assert talk.say("go on").timings.reused_tokens > 0


def test_broken_off_answer_leaves_no_trace(pipeline: Pipeline) -> None:
    talk = pipeline.conversation()
    events: Any = talk.stream("hi", require={"glyph": 1})
    next(events)
    with pytest.raises(RequestError, match="still answering"):
        next(talk.stream("me too"))
    events.close()

    assert talk.messages == ()
    assert talk.say("hi")


def test_stopped_answer_is_remembered_as_it_was_shown(pipeline: Pipeline) -> None:
    talk = pipeline.conversation()
    whole = pipeline.chat("hi").text
    answer = talk.say("hi", stop=whole[2:4])

    assert answer.finish == "stop"
    assert talk.messages[1].text == answer.text == whole[: whole.index(whole[2:4])]
    assert talk.say("go on").ids


def test_history_is_what_a_conversation_would_be(pipeline: Pipeline) -> None:
    talk = pipeline.conversation()
    talk.say("one")
    second = talk.say("two")
    given = pipeline.conversation(history=talk.messages[:2]).say("two")
    asked = pipeline.chat("two", history=talk.messages[:2])

    assert given.ids == asked.ids
    assert second.finish == asked.finish


# --- async ----------------------------------------------------------------------------------------


def test_async_forms_answer_alike(pipeline: Pipeline) -> None:
    async def ask() -> tuple[Any, list[Any]]:
        answer = await pipeline.achat("hello", require={"glyph": 1})
        events = [e async for e in pipeline.astream("hello", require={"glyph": 1})]
        return answer, events

    answer, events = asyncio.run(ask())

    assert answer.ids == pipeline.chat("hello", require={"glyph": 1}).ids
    assert isinstance(events[-1], Finished)
    assert isinstance(answer.media[0], GeneratedMedia)


def test_cancelled_task_calls_the_answer_off(pipeline: Pipeline) -> None:
    cancel = Cancel()

    async def ask() -> None:
        slow: Any = {"glyph": {"steps": 10_000, "step_s": 0.01}}
        stream = pipeline.astream(
            "hello", require={"glyph": 1}, decoder_options=slow, max_tokens=1, cancel=cancel
        )
        async for event in stream:
            if isinstance(event, MediaProgress):
                asyncio.current_task().cancel()  # type: ignore[union-attr]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ask())

    assert not cancel.is_set  # the caller's own switch is not ours to throw
    assert pipeline.chat("hello", require={"glyph": 1}).media


def test_cancel_reaches_the_async_form(pipeline: Pipeline) -> None:
    cancel = Cancel()
    cancel.set()

    with pytest.raises(Cancelled):
        asyncio.run(pipeline.achat("hello", cancel=cancel))


def test_thread_of_an_async_answer_waits_for_nobody(pipeline: Pipeline) -> None:
    async def ask() -> list[Any]:
        stream = pipeline.astream("hello", require={"glyph": 2}, max_tokens=4)
        first = await anext(stream)
        for _ in range(500):  # nothing is taken, and the work is done all the same
            if not any(t.name == "nextgpt-answer" for t in threading.enumerate()):
                break
            await asyncio.sleep(0.01)
        threads = [t.name for t in threading.enumerate()]
        return [threads, first, *[event async for event in stream]]

    threads, *events = asyncio.run(ask())

    assert "nextgpt-answer" not in threads
    assert isinstance(events[-1], Finished)


def test_media_are_of_the_channels_asked_for_alone(pipeline: Pipeline) -> None:
    answer = pipeline.chat("hello", channels=[], max_tokens=8)

    assert answer.media == answer.failures == ()
    with pytest.raises(RequestError, match="glyph"):
        pipeline.chat("hello", channels=[], require={"glyph": 1})
    with pytest.raises(RequestError, match="channels rune"):
        pipeline.chat("hello", channels=["rune"])


def test_tokens_of_media_are_counted(pipeline: Pipeline) -> None:
    answer = pipeline.chat(["hello", glyph()], require={"glyph": 2}, max_tokens=4)

    assert answer.timings.media_tokens == 8
    assert answer.timings.signal_tokens == 3 * len(answer.media)


def test_text_and_media_are_vectors(pipeline: Pipeline) -> None:
    one, same, other = (pipeline.embed(glyph(seed)) for seed in (1, 1, 2))
    text = pipeline.embed("Draw a cat")

    assert (len(one.vector), one.tokens) == (12, 8)
    assert len(text.vector) == 32
    assert sum(x * x for x in one.vector) == pytest.approx(1)
    assert one == same != other
    assert text != pipeline.embed("a cat. Draw")
    for wrong in ("", "x " * 9000, MediaPart("glyph")):
        with pytest.raises(RequestError):
            pipeline.embed(wrong)
