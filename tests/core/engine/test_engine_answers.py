"""Requests end to end: what comes out, on a tiny random language model and the toy plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest

from nextgpt_core import (
    Finished,
    GeneratedMedia,
    MediaDone,
    MediaProgress,
    MediaStarted,
    Pipeline,
    Text,
    TextDelta,
)
from nextgpt_core.testing import glyph
from nextgpt_core.testing.toy import PainterOptions
from nextgpt_registry.errors import RequestError
from nextgpt_registry.messages import Message
from nextgpt_registry.specs import Fixed

Scripted = Callable[..., list[Any]]
pytestmark = pytest.mark.timeout(120)


def test_events_come_in_order_and_add_up_to_the_answer(pipeline: Pipeline) -> None:
    events = list(pipeline.stream("hello", require={"glyph": 2}))

    started = [e for e in events if isinstance(e, MediaStarted)]
    done = [e for e in events if isinstance(e, MediaDone)]
    last = events[-1]
    assert isinstance(last, Finished)
    assert [e.index for e in started] == [0, 1]
    assert sorted(e.index for e in done) == [0, 1]
    for index in range(2):
        own = [e for e in events if getattr(e, "index", None) == index]
        assert isinstance(own[0], MediaStarted)
        assert isinstance(own[-1], MediaDone)
        assert [e.done for e in own if isinstance(e, MediaProgress)] == [0, 1, 2, 3]
    assert last.answer.text == "".join(e.text for e in events if isinstance(e, TextDelta))
    assert [m.media for m in last.answer.media] == [
        e.media for e in sorted(done, key=lambda e: e.index)
    ]


def test_media_stand_where_the_model_wrote_them(scripted: Scripted, pipeline: Pipeline) -> None:
    """Text, group, text, group: written by a model whose next ids we choose."""
    model = pipeline.system.model
    words = pipeline.system.composer.tokenize("ab")
    first = model.vocabulary.block("glyph").first
    answer = scripted(pipeline, [*words, first, *words, first, *words])[-1].answer

    assert [type(part) for part in answer.parts] == [
        Text,
        GeneratedMedia,
        Text,
        GeneratedMedia,
        Text,
    ]
    assert answer.text == "ab" * 3
    assert answer.finish == "end"


def test_text_alone_stays_plain(scripted: Scripted, pipeline: Pipeline) -> None:
    answer = scripted(pipeline, pipeline.system.composer.tokenize("hello there"))[-1].answer

    assert answer.parts == (Text("hello there"),)


def test_rest_of_a_group_is_one_pass(
    scripted: Scripted, pipeline: Pipeline, passes: list[int]
) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    words = pipeline.system.composer.tokenize("ab")
    scripted(pipeline, [*words, first])

    assert passes[1:] == [*[1] * len(words), 3]


def test_group_is_never_cut_by_max_tokens(scripted: Scripted, pipeline: Pipeline) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    answer = scripted(pipeline, [5, first, 6], max_tokens=2)[-1].answer

    assert answer.finish == "length"
    assert answer.ids == (5, first, first + 1, first + 2)
    assert len(answer.media) == 1


def test_signals_count_among_the_tokens(scripted: Scripted, pipeline: Pipeline) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    answer = scripted(pipeline, [5, first, 6, 7, 8], max_tokens=5)[-1].answer

    assert answer.finish == "length"
    assert answer.ids == (5, first, first + 1, first + 2, 6)


def test_required_media_come_in_place_of_an_early_end(
    scripted: Scripted, pipeline: Pipeline
) -> None:
    answer = scripted(pipeline, [5], require={"glyph": 2})[-1].answer

    assert len(answer.media) == 2
    assert answer.finish == "end"


def test_required_media_come_after_a_stop_string(scripted: Scripted, pipeline: Pipeline) -> None:
    ids = pipeline.system.composer.tokenize("hello there")
    answer = scripted(pipeline, ids, stop=["the"], require={"glyph": 1})[-1].answer

    assert answer.finish == "stop"
    assert answer.text == "hello "
    assert len(answer.media) == 1


def test_no_more_media_than_allowed(pipeline: Pipeline) -> None:
    answer = pipeline.chat("hello", max_media=0, temperature=5.0, max_tokens=200)

    assert answer.media == ()


def test_a_channel_is_shut_where_the_conversation_lacks_what_it_needs(
    scripted: Scripted, pipeline: Pipeline
) -> None:
    decoder, first = pipeline.system.decoders["glyph"], _first(pipeline)
    spec = decoder.spec.model_copy(update={"needs": True})
    needy = replace(decoder, recipe=replace(decoder.recipe, spec=spec))
    pipeline.system.decoders["glyph"] = needy

    assert not scripted(pipeline, [5, first])[-1].answer.media
    assert pipeline.chat([glyph(), "hello"], require={"glyph": 1}).media
    with pytest.raises(RequestError, match="are made of glyph, and the conversation has none"):
        pipeline.chat("hello", require={"glyph": 1})


def _first(pipeline: Pipeline) -> int:
    """The id that opens a group."""
    return pipeline.system.model.vocabulary.block("glyph").first


def test_unknown_channels_and_options_are_refused_before_anything_runs(
    pipeline: Pipeline, passes: list[int]
) -> None:
    with pytest.raises(RequestError, match="makes no such media"):
        pipeline.chat("x", require={"smell": 1})
    with pytest.raises(RequestError, match="smell"):
        pipeline.chat("x", decoder_options={"smell": {}})
    with pytest.raises(RequestError, match=r"steps.*greater than 0"):
        pipeline.chat("x", decoder_options={"glyph": {"steps": 0}})
    with pytest.raises(RequestError, match="temperature"):
        pipeline.chat("x", temperature=-1)
    with pytest.raises(RequestError, match="unknown: colour"):
        pipeline.chat("x", colour="red")  # type: ignore[call-arg]
    assert passes == []


class Etched(PainterOptions):
    ink: Annotated[float, Fixed()] = 1.0
    shine: float = 1.0


def test_a_request_cannot_set_what_counts_when_a_decoder_is_built(
    pipeline: Pipeline, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = pipeline.system.decoders["glyph"]
    etcher = replace(painter, recipe=replace(painter.recipe, options=Etched()))
    monkeypatch.setitem(pipeline.system.decoders, "glyph", etcher)

    with pytest.raises(RequestError, match=r"glyph: ink .*(\n.*)*glyph\.decoder\.options\.ink"):
        pipeline.chat("x", decoder_options={"glyph": {"ink": 0.5, "shine": 0.5}})
    assert passes == []
    pipeline.chat("x", decoder_options={"glyph": {"shine": 0.5}}, max_tokens=1)


def test_prompt_longer_than_the_model_reads_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match="the model reads 1024"):
        pipeline.chat("x " * 2000)


def test_groups_fit_into_what_the_model_reads(pipeline: Pipeline) -> None:
    turns = [Message("user", ("x " * 500,))]
    prompt = len(pipeline.system.composer.compose(turns, feature_tokens={}))
    assert prompt < 1024
    left = (1024 - prompt) // 3  # groups of three fill all that is left

    whole = pipeline.chat("x " * 500, require={"glyph": left - 1}, max_media=99, max_tokens=999)

    assert prompt + len(whole.ids) <= 1024
    assert len(whole.media) == left - 1
    with pytest.raises(RequestError, match="are kept for media"):
        pipeline.chat("x " * 500, require={"glyph": left + 1}, max_media=99, max_tokens=999)


def test_as_many_groups_as_fit_are_made(pipeline: Pipeline) -> None:
    composer = pipeline.system.composer
    for words in range(500, 503):  # one of three leaves room for one id and whole groups
        prompt = len(composer.compose([Message("user", ("x " * words,))], feature_tokens={}))
        groups, rest = divmod(1024 - prompt - 3, 3)
        if rest == 0:
            break

    whole = pipeline.chat("x " * words, require={"glyph": groups}, max_media=999)

    assert len(whole.media) == groups
    with pytest.raises(RequestError, match="are kept for media"):
        pipeline.chat("x " * words, require={"glyph": groups + 1}, max_media=999)


def test_control_tokens_are_not_written(scripted: Scripted, pipeline: Pipeline) -> None:
    never = min(pipeline.system.composer.ends.never)

    answer = scripted(pipeline, [5, never, 6])[-1].answer

    assert never not in answer.ids


def test_sampling_depends_on_the_seed_alone(pipeline: Pipeline) -> None:
    options: Any = {"temperature": 1.0, "top_p": 0.95, "require": {"glyph": 1}}
    one = pipeline.chat("hello", seed=3, **options)
    other = pipeline.chat("hello", seed=4, **options)
    again = pipeline.chat("hello", seed=3, **options)

    assert one.ids == again.ids
    assert one.ids != other.ids
    assert one.media[0].media != other.media[0].media


def test_the_likeliest_of_one_is_chosen_however_warm(pipeline: Pipeline) -> None:
    warm = pipeline.chat("hello", temperature=5.0, top_k=1, seed=3)
    cold = pipeline.chat("hello", temperature=0.0)

    assert warm.ids == cold.ids


def test_items_of_one_answer_have_seeds_of_their_own(pipeline: Pipeline) -> None:
    answer = pipeline.chat("hello", require={"glyph": 3})

    assert len({made.media for made in answer.media}) == 3
