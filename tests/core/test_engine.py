"""Requests end to end, on a tiny random language model and the toy plugin."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import pytest
import torch

from nextgpt_core import (
    Answer,
    Cancel,
    Failed,
    Finished,
    Made,
    MediaDone,
    MediaFailed,
    MediaProgress,
    MediaStarted,
    Pipeline,
    Text,
    TextDelta,
)
from nextgpt_core.engine.executor import InlineExecutor
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import PainterOptions
from nextgpt_registry.errors import Cancelled, DecodeError, RequestError
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Turn
from nextgpt_registry.specs import Fixed

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> SystemKit:
    return SystemKit(tmp_path_factory.mktemp("kit"))


@pytest.fixture
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


@pytest.fixture
def passes(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many positions each pass of the language model computed."""
    backbone, lengths = pipeline.system.model.backbone, []
    run = backbone.run

    def counting(x_BTD: torch.Tensor, **more: Any) -> Any:
        lengths.append(x_BTD.shape[1])
        return run(x_BTD, **more)

    monkeypatch.setattr(backbone, "run", counting)
    return lengths


def painter(pipeline: Pipeline) -> Any:
    return pipeline.engine.shared.workers["glyph"]


# --- what comes out -----------------------------------------------------------------------------


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


def test_media_stand_where_the_model_wrote_them(pipeline: Pipeline) -> None:
    """Text, group, text, group: written by a model whose next ids we choose."""
    model = pipeline.system.model
    words = model.composer.tokenize("ab")
    first = model.vocabulary.block("glyph").first
    answer = _scripted(pipeline, [*words, first, *words, first, *words])

    assert [type(part) for part in answer.parts] == [Text, Made, Text, Made, Text]
    assert answer.text == "ab" * 3
    assert answer.finish == "end"


def test_text_alone_stays_plain(pipeline: Pipeline) -> None:
    answer = _scripted(pipeline, pipeline.system.model.composer.tokenize("hello there"))

    assert answer.parts == (Text("hello there"),)


def test_rest_of_a_group_is_one_pass(pipeline: Pipeline, passes: list[int]) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    words = pipeline.system.model.composer.tokenize("ab")
    _scripted(pipeline, [*words, first])

    assert passes[1:] == [*[1] * len(words), 3]


def test_group_is_never_cut_by_max_tokens(pipeline: Pipeline) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    answer = _scripted(pipeline, [5, first, 6], max_tokens=2)

    assert answer.finish == "length"
    assert answer.ids == (5, first, first + 1, first + 2)
    assert len(answer.media) == 1


def test_required_media_come_in_place_of_an_early_end(pipeline: Pipeline) -> None:
    answer = _scripted(pipeline, [5], require={"glyph": 2})

    assert len(answer.media) == 2
    assert answer.finish == "end"


def test_required_media_come_after_a_stop_string(pipeline: Pipeline) -> None:
    ids = pipeline.system.model.composer.tokenize("hello there")
    answer = _scripted(pipeline, ids, stop=["the"], require={"glyph": 1})

    assert answer.finish == "stop"
    assert answer.text == "hello "
    assert len(answer.media) == 1


def test_no_more_media_than_allowed(pipeline: Pipeline) -> None:
    answer = pipeline.chat("hello", max_media=0, temperature=5.0, max_tokens=200)

    assert answer.media == ()


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
    turns = [Turn("user", ("x " * 500,))]
    prompt = len(pipeline.system.model.composer.compose(turns, feature_tokens={}))
    assert prompt < 1024
    left = (1024 - prompt) // 3  # groups of three fill all that is left

    whole = pipeline.chat("x " * 500, require={"glyph": left - 1}, max_media=99, max_tokens=999)

    assert prompt + len(whole.ids) <= 1024
    assert len(whole.media) == left - 1
    with pytest.raises(RequestError, match="are kept for media"):
        pipeline.chat("x " * 500, require={"glyph": left + 1}, max_media=99, max_tokens=999)


def test_sampling_depends_on_the_seed_alone(pipeline: Pipeline) -> None:
    options: Any = {"temperature": 1.0, "top_p": 0.95, "require": {"glyph": 1}}
    one = pipeline.chat("hello", seed=3, **options)
    other = pipeline.chat("hello", seed=4, **options)
    again = pipeline.chat("hello", seed=3, **options)

    assert one.ids == again.ids
    assert one.ids != other.ids
    assert one.media[0].media != other.media[0].media


def test_items_of_one_answer_have_seeds_of_their_own(pipeline: Pipeline) -> None:
    answer = pipeline.chat("hello", require={"glyph": 3})

    assert len({made.media for made in answer.media}) == 3


# --- decoders -----------------------------------------------------------------------------------


def test_decoder_works_while_the_model_writes_on(pipeline: Pipeline) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    events = _scripted_events(
        pipeline,
        [5, first, *[6] * 60],
        max_tokens=100,
        decoder_options={"glyph": {"steps": 2, "step_s": 0.001}},
    )
    kinds = [type(event) for event in events]

    assert kinds.index(MediaDone) < len(kinds) - 1 - kinds[::-1].index(TextDelta)


def test_groups_of_one_answer_share_a_call(pipeline: Pipeline) -> None:
    slowly = {"glyph": {"step_s": 0.1}}

    pipeline.chat("hello", require={"glyph": 4}, max_tokens=1, decoder_options=slowly)

    assert sum(painter(pipeline).batches) == 4
    assert len(painter(pipeline).batches) < 4


def test_concurrent_requests_share_calls(pipeline: Pipeline) -> None:
    options: Any = {"require": {"glyph": 1}, "decoder_options": {"glyph": {"step_s": 0.05}}}
    alone = [pipeline.chat(f"hello {n}", seed=n, **options) for n in range(6)]
    painter(pipeline).batches.clear()

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(pipeline.chat, f"hello {n}", seed=n, **options) for n in range(6)]
    together = [one.result() for one in asked]

    assert sum(painter(pipeline).batches) == 6
    assert max(painter(pipeline).batches) > 1
    for one, other in zip(alone, together, strict=True):
        assert one.ids == other.ids
        assert _distance(one, other) <= 2


def test_deterministic_requests_are_byte_equal_whatever_else_goes_on(pipeline: Pipeline) -> None:
    def ask(seed: int, *, deterministic: bool) -> Answer:
        return pipeline.chat(
            ["hello", glyph(1), glyph(2)],
            seed=seed,
            deterministic=deterministic,
            temperature=0.7,
            require={"glyph": 2},
        )

    quiet = [ask(n, deterministic=True) for n in range(3)]
    with ThreadPoolExecutor(6) as pool:
        noise = [pool.submit(ask, n, deterministic=False) for n in range(3)]
        busy = [pool.submit(ask, n, deterministic=True) for n in range(3)]

    assert all(one.result() for one in noise)
    for one, other in zip(quiet, (o.result() for o in busy), strict=True):
        assert one.ids == other.ids
        assert [m.media for m in one.media] == [m.media for m in other.media]


@pytest.mark.parametrize("fail", ["raise", "shape", "count"])
def test_decoder_that_fails_costs_its_media_only(pipeline: Pipeline, fail: str) -> None:
    first = pipeline.system.model.vocabulary.block("glyph").first
    words = pipeline.system.model.composer.tokenize("ab")
    events = _scripted_events(
        pipeline, [*words, first, *words], decoder_options={"glyph": {"fail": fail}}
    )
    answer = _answer(events)

    assert [type(part) for part in answer.parts] == [Text, Failed, Text]
    assert any(isinstance(event, MediaFailed) for event in events)
    assert "toy/painter" in str(answer.failures[0].error)
    assert pipeline.chat("hello", require={"glyph": 1}).media  # and the next request is fine


def test_decoder_in_a_process_of_its_own(kit: SystemKit) -> None:
    inline = kit.pipeline().chat("hello", require={"glyph": 1}, deterministic=True)
    with kit.pipeline("modalities.glyph.decoder.executor=process") as pipeline:
        answer = pipeline.chat("hello", require={"glyph": 1}, deterministic=True)
        dead = pipeline.chat(
            "hello", require={"glyph": 1}, decoder_options={"glyph": {"fail": "exit"}}
        )
        after = pipeline.chat("hello", require={"glyph": 1}, deterministic=True)

    assert answer.media[0].media == after.media[0].media == inline.media[0].media
    assert isinstance(dead.failures[0].error, DecodeError)
    assert dead.text == answer.text


def test_caption_route_needs_no_trained_projection(kit: SystemKit) -> None:
    with kit.pipeline("modalities.glyph.decoder.route=caption") as pipeline:
        component, captions = pipeline.system.decoders["glyph"].component, []
        targets = component.caption_targets

        def watching(given: Any) -> Any:
            captions.extend(given)
            return targets(given)

        component.caption_targets = watching
        first = pipeline.system.model.vocabulary.block("glyph").first
        words = pipeline.system.model.composer.tokenize("Well. A red cat.")
        answer = _scripted(pipeline, [*words, first, first])

    assert len(answer.media) == 2
    assert captions == ["A red cat.", "hello"]  # the user's words where the model wrote none


def test_decoder_takes_the_latest_medium_first(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline:
        seen: list[Any] = []
        decoder = pipeline.system.decoders["glyph"].component
        decode = decoder.decode

        def watching(conditions: Any, **more: Any) -> Any:
            seen.append(more["taken"])
            return decode(conditions, **more)

        decoder.decode = watching
        history = (
            Turn("user", ("look", MediaPart("glyph", glyph(1)), MediaPart("glyph", glyph(2)))),
            Turn("assistant", (MediaPart("glyph", glyph(3)),)),
        )
        pipeline.chat(["again", glyph(4)], history=history, require={"glyph": 1}, max_tokens=1)

    assert seen[0] == [[glyph(4), glyph(3), glyph(2), glyph(1)]]


# --- calling off --------------------------------------------------------------------------------


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


# --- what is not computed twice -----------------------------------------------------------------


def test_conversation_computes_only_what_is_new(pipeline: Pipeline, passes: list[int]) -> None:
    encoder = pipeline.system.encoders["glyph"]
    talk = pipeline.conversation()
    first = talk.say(["hi", glyph(1)], require={"glyph": 1})
    second = talk.say(["and", glyph(1), glyph(2)], require={"glyph": 1})
    passes.clear()
    third = talk.say("bye")

    assert encoder.calls == 2  # the glyphs 1 and 2; what the model made is never encoded
    assert first.timings.encoded_media == second.timings.encoded_media == 1
    assert third.timings.encoded_media == 0
    assert third.timings.reused_tokens > second.timings.reused_tokens > 0
    assert passes[0] == third.timings.prefilled_tokens < 40


def test_reused_keys_and_values_give_what_fresh_ones_give(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, torch.Tensor]] = []
    language = pipeline.engine.shared.language
    project = language.conditions

    def watching(group: Any) -> dict[str, torch.Tensor]:
        made.append(project(group))
        return made[-1]

    monkeypatch.setattr(language, "conditions", watching)
    talk = pipeline.conversation()
    talk.say(["hi", glyph(1)], require={"glyph": 1})
    answer = talk.say(["and", glyph(2)], require={"glyph": 1})

    model, inputs, cancel = pipeline.system.model, pipeline.engine.shared.inputs, Cancel()
    turns = talk.turns[:-1]
    counts, _ = inputs.positions(turns, alone=False, cancel=cancel)
    prompt = model.composer.compose(turns, feature_tokens=counts, answered={1: talk._answered[1]})
    features, _ = inputs.projected(prompt.features, alone=False, cancel=cancel)
    with (
        torch.no_grad(),
        pipeline.engine.shared.prefixes.lend([*prompt.keys, *answer.ids, "next"]) as prefix,
    ):
        ids_BT, next_BT = torch.tensor([answer.ids]), torch.tensor([[7]])
        x_BTD = torch.cat((model.embed(prompt, features), model.embed_ids(ids_BT)), dim=1)
        run = model.backbone.run(torch.cat((x_BTD, model.embed_ids(next_BT)), dim=1))
        fresh_V = model.logits(run.final_BTD[0, -1])
        signals_BSD = run.hidden_BTD[:, -4:-1]
        fresh = model.project_out("glyph", signals_BSD, ids_BT[:, -3:])
        kept = model.backbone.run(model.embed_ids(next_BT), cache=prefix.cache)
        kept_V = model.logits(kept.final_BTD[0, -1])

    assert answer.timings.reused_tokens > 0
    assert torch.allclose(kept_V, fresh_V, atol=1e-4)
    assert torch.allclose(made[-1]["text"], fresh["text"][0], atol=1e-4)


def test_regenerated_answer_reuses_its_prompt(pipeline: Pipeline) -> None:
    pipeline.chat("hello there", seed=1)
    again = pipeline.chat("hello there", seed=1)

    assert again.timings.prefilled_tokens == 1


def test_same_medium_twice_in_one_request_is_encoded_once(pipeline: Pipeline) -> None:
    pipeline.chat([glyph(1), "and", glyph(1)])

    assert pipeline.engine.shared.inputs.store.cache.size > 0
    assert pipeline.system.encoders["glyph"].calls == 1


def test_media_of_one_request_are_encoded_in_one_call(pipeline: Pipeline) -> None:
    answer = pipeline.chat([glyph(n) for n in range(5)])

    assert answer.timings.encoded_media == 5
    assert pipeline.system.encoders["glyph"].calls == 1


def test_without_a_cache_media_are_encoded_again(kit: SystemKit) -> None:
    with kit.pipeline("feature_cache_mb=0") as pipeline:
        pipeline.chat([glyph(1)])
        pipeline.chat(["other", glyph(1)])

        assert pipeline.system.encoders["glyph"].calls == 2


def test_interrupted_request_leaves_a_usable_prefix(pipeline: Pipeline) -> None:
    whole = pipeline.chat("hello there", max_tokens=12)
    events: Any = pipeline.stream("hello there", max_tokens=12)
    next(events)
    events.close()

    assert pipeline.chat("hello there", max_tokens=12).ids == whole.ids


# --- helpers ------------------------------------------------------------------------------------


def _answer(events: list[Any]) -> Answer:
    assert isinstance(events[-1], Finished)
    return events[-1].answer


def _scripted(pipeline: Pipeline, ids: list[int], **options: Any) -> Answer:
    return _answer(_scripted_events(pipeline, ids, **options))


def _scripted_events(pipeline: Pipeline, ids: list[int], **options: Any) -> list[Any]:
    """The events when the model finds these ids the likeliest, each in turn, then the end."""
    model = pipeline.system.model
    script = iter([*ids, model.backbone.tokenizer.eos_token_id])
    logits = model.logits

    def wanting(final: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = logits(final)
        found[next(script, model.backbone.tokenizer.eos_token_id)] = 1e4
        return found

    model.logits = wanting  # type: ignore[method-assign]
    try:
        return list(pipeline.stream("hello", **{"max_tokens": 64, **options}))
    finally:
        model.logits = logits  # type: ignore[method-assign]


def _distance(one: Answer, other: Answer) -> int:
    pairs = zip(one.media, other.media, strict=True)
    return max(int(np.abs(_grey(a.media) - _grey(b.media)).max()) for a, b in pairs)


def _grey(media: Media) -> Any:
    return media.data.astype(int)


def test_workers_are_shared_by_channels_with_one_decoder(kit: SystemKit) -> None:
    more = SystemKit(
        kit.folder,
        channels={**kit.channels, "other": {**kit.channels["glyph"], "modality": "glyph"}},
    )
    with more.pipeline() as pipeline:
        workers = pipeline.engine.shared.workers
        answer = pipeline.chat("hi", require={"glyph": 1, "other": 1})

        assert workers["glyph"] is workers["other"]
        assert isinstance(workers["glyph"].executor, InlineExecutor)
        assert {made.channel for made in answer.media} == {"glyph", "other"}
