"""What an encoder leaves out of a medium is said to whoever sent it: once, before the answer."""

from __future__ import annotations

import pytest

from nextgpt_core import Finished, MediaNoted, Pipeline
from nextgpt_core.testing import glyph
from nextgpt_core.testing.toy_parts import RowEncoder
from nextgpt_registry.media import Media

pytestmark = pytest.mark.timeout(120)
SAID = "a medium is long: the top is seen (rows)"


@pytest.fixture
def _selective(monkeypatch: pytest.MonkeyPatch) -> None:
    def left_out(self: object, media: Media) -> str:
        return "is long: the top is seen" if media == glyph(1) else ""

    monkeypatch.setattr(RowEncoder, "left_out", left_out, raising=False)


@pytest.mark.usefixtures("_selective")
def test_what_is_left_out_is_an_event_before_the_text_and_in_the_answer(
    pipeline: Pipeline,
) -> None:
    events = list(pipeline.stream(["what?", glyph(1), glyph(1), glyph(2)], max_tokens=3))

    assert [event for event in events if isinstance(event, MediaNoted)] == [
        MediaNoted("glyph", SAID)
    ]
    assert isinstance(events[0], MediaNoted)
    assert isinstance(events[-1], Finished)
    assert events[-1].answer.notes == (f"glyph: {SAID}",)


@pytest.mark.usefixtures("_selective")
def test_who_takes_no_events_is_warned(pipeline: Pipeline) -> None:
    with pytest.warns(UserWarning, match="the top is seen") as caught:
        answer = pipeline.chat([glyph(1)], max_tokens=3)

    assert answer.notes
    assert caught[0].filename == __file__


@pytest.mark.usefixtures("_selective")
def test_a_turn_that_goes_on_says_nothing_again(pipeline: Pipeline) -> None:
    talk = pipeline.conversation()
    with pytest.warns(UserWarning, match="the top is seen"):
        talk.say([glyph(1)], max_tokens=3)

    assert talk.say("and now?", max_tokens=3).notes == ()


def test_encoders_that_tell_nothing_leave_no_notes(pipeline: Pipeline) -> None:
    assert pipeline.chat([glyph(1)], max_tokens=3).notes == ()
