"""Requests that share passes: each is answered as if it were alone, whatever becomes of the others.

`make_folder` is that of the families' tests. Legend: V vocabulary.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
import torch

from nextgpt_core import Answer, Cancel, Pipeline
from nextgpt_core.batch import outcomes
from nextgpt_core.engine.language import Language
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.errors import Cancelled, NextGPTError, RequestError, ShapeError

pytestmark = pytest.mark.timeout(300)

WORDS = ("hello", "there", "draw", "a", "cat", "what", "is", "that", "number", "7")


@pytest.fixture
def together(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sequences were in each pass."""
    sizes, read = [], Language.read

    def counting(self: Language, turns: Any) -> Any:
        sizes.append(len(turns))
        return read(self, turns)

    monkeypatch.setattr(Language, "read", counting)
    return sizes


def drawn(random: Random) -> dict[str, Any]:
    """A request of any length, with what may be asked of one."""
    parts: list[Any] = [" ".join(random.choices(WORDS, k=random.choice((1, 5, 60, 150))))]
    if random.random() < 0.3:
        parts.append(glyph(random.randrange(4)))
    return {
        "parts": parts,
        "require": {"glyph": random.choice((0, 0, 1, 2))},
        "seed": random.randrange(9),
        "temperature": random.choice((0.0, 1.0)),
        "max_tokens": random.choice((1, 5, 20)),
        "stop": random.choice(((), ("e",))),
        "deterministic": random.random() < 0.1,
    }


def asked(pipeline: Pipeline, request: dict[str, Any], delay_s: float, stop_at: int | None) -> Any:
    """Ask a little later; leave after so many events if it is said."""
    time.sleep(delay_s)
    if stop_at is None:
        return pipeline.chat(**request)
    events: Any = pipeline.stream(**request)
    for _ in range(stop_at):
        next(events, None)
    events.close()
    return None


def check_mixture(pipeline: Pipeline, seed: int) -> None:
    random = Random(seed)
    requests = [drawn(random) for _ in range(8)]
    alone = [pipeline.chat(**request) for request in requests]
    pipeline.engine.shared.prefixes.clear()
    plans = [
        (random.random() * 0.05, random.randrange(3) if random.random() < 0.25 else None)
        for _ in requests
    ]

    with ThreadPoolExecutor(len(requests)) as pool:
        coming = [
            pool.submit(asked, pipeline, request, *plan)
            for request, plan in zip(requests, plans, strict=True)
        ]
    mixed = [future.result() for future in coming]

    for one, other in zip(alone, mixed, strict=True):
        if other is not None:
            assert (other.ids, other.text, other.finish) == (one.ids, one.text, one.finish)
            assert len(other.media) == len(one.media)


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_those_of_requests_alone(
    pipeline: Pipeline, together: list[int], seed: int
) -> None:
    check_mixture(pipeline, seed)

    assert max(together) > 1


def test_states_of_a_group_are_those_of_a_request_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    language = pipeline.engine.shared.language
    made: dict[int, torch.Tensor] = {}
    project = language.conditions

    def watching(group: Any) -> dict[str, torch.Tensor]:
        made[threading.get_ident()] = group.hidden_SD
        return project(group)

    monkeypatch.setattr(language, "conditions", watching)
    requests = [(["hi " * n, glyph(n)], n) for n in range(1, 6)]

    def state(request: Any) -> torch.Tensor:
        pipeline.chat(request[0], seed=request[1], require={"glyph": 1}, max_tokens=3 * request[1])
        return made[threading.get_ident()]

    alone = [state(request) for request in requests]
    pipeline.engine.shared.prefixes.clear()
    with ThreadPoolExecutor(len(requests)) as pool:
        mixed = list(pool.map(state, requests))

    for one, other in zip(alone, mixed, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_deterministic_request_shares_no_pass_and_is_equal_to_the_last_byte(
    pipeline: Pipeline, together: list[int]
) -> None:
    options: Any = {"deterministic": True, "require": {"glyph": 1}, "max_tokens": 12}

    alone = pipeline.chat("hello", **options)
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(pipeline.chat, f"hello {n}", max_tokens=40) for n in range(3)]
        mixed = pool.submit(pipeline.chat, "hello", **options).result()

    assert [other.result() for other in others]
    assert mixed.ids == alone.ids
    assert (mixed.media[0].media.data == alone.media[0].media.data).all()


def test_consumer_that_stops_pulling_pauses_itself_alone(pipeline: Pipeline) -> None:
    slow: Any = pipeline.stream("hello", max_tokens=400, temperature=5.0)
    next(slow)

    quick = [pipeline.chat(f"hello {n}", max_tokens=100, temperature=5.0) for n in range(2)]
    (paused,) = pipeline.engine.shared.language._scheduler
    rest = list(slow)

    assert all(len(answer.ids) > 60 for answer in quick)
    assert paused.pieces.qsize() == 0
    assert len(rest[-1].answer.ids) > 100


def test_request_that_is_called_off_leaves_within_a_step(pipeline: Pipeline) -> None:
    language, cancel = pipeline.engine.shared.language, Cancel()
    events: Any = pipeline.stream("hello", max_tokens=400, temperature=5.0, cancel=cancel)
    next(events)

    cancel.set()  # nobody pulls
    deadline = time.monotonic() + 20
    while len(language._scheduler) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert len(language._scheduler) == 0
    with pytest.raises(Cancelled):
        list(events)


def test_request_that_raises_takes_nobody_with_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pipeline.system.model
    alone = [pipeline.chat(f"hello {n}", max_tokens=10) for n in range(4)]
    pipeline.engine.shared.prefixes.clear()
    embed, bad = model.embed, threading.Event()

    def spoilt(ids: torch.Tensor, *features: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = embed(ids, *features)
        if ids.shape[1] > 100:  # the long prompt's
            bad.set()
            x[:, 70] = float("nan")
        return x

    monkeypatch.setattr(model, "embed", spoilt)
    with ThreadPoolExecutor(5) as pool:
        long = pool.submit(pipeline.chat, "word " * 150)
        mixed = [pool.submit(pipeline.chat, f"hello {n}", max_tokens=10) for n in range(4)]
        answers = [future.result() for future in mixed]

    with pytest.raises(ShapeError, match="NaN"):
        long.result()
    assert bad.is_set()
    assert [one.ids for one in answers] == [one.ids for one in alone]
    assert pipeline.chat("hello 0", max_tokens=10).ids == alone[0].ids


def test_pass_that_fails_is_tried_by_each_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [pipeline.chat(f"hello {n}", max_tokens=10).ids for n in range(3)]
    read = Language.read

    def failing(self: Language, turns: Any) -> Any:
        if any(turn.who._most == 11 for turn in turns):
            raise MemoryError("no room")
        return read(self, turns)

    monkeypatch.setattr(Language, "read", failing)
    with ThreadPoolExecutor(4) as pool:
        wrong = pool.submit(pipeline.chat, "hello", max_tokens=11)
        rest = [pool.submit(pipeline.chat, f"hello {n}", max_tokens=10) for n in range(3)]

    assert [future.result().ids for future in rest] == alone
    with pytest.raises(MemoryError, match="no room"):
        wrong.result()


def test_iterator_that_is_forgotten_may_be_collected_by_the_model_s_own_thread(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[Any] = [pipeline.stream("hello", max_tokens=400, temperature=5.0)]
    next(forgotten[0])
    read = Language.read

    def collecting(self: Language, turns: Any) -> Any:
        forgotten.clear()
        return read(self, turns)

    monkeypatch.setattr(Language, "read", collecting)

    assert pipeline.chat("hello", max_tokens=10).ids == pipeline.chat("hello", max_tokens=10).ids
    assert len(pipeline.engine.shared.language._scheduler) == 0


def test_closing_ends_what_is_under_way(kit: SystemKit) -> None:
    with kit.pipeline() as pipeline:
        events: Any = pipeline.stream("hello", max_tokens=400, temperature=5.0)
        next(events)

    with pytest.raises(RequestError, match="was closed"):
        list(events)
    with pytest.raises(RequestError, match="was closed"):
        pipeline.chat("hello")


def test_slots_are_given_back_however_many_requests_there_were(pipeline: Pipeline) -> None:
    slots: Any = pipeline.engine.shared.language._slots
    sizes = []

    for _ in range(5):
        pipeline.batch([f"hello {n}" for n in range(20)], at_once=8)
        sizes.append(slots.size)

    assert sizes == [0] * 5


def test_batch_gives_answers_and_errors_in_order(pipeline: Pipeline) -> None:
    told: list[int] = []
    requests: list[Any] = [
        "hello",
        {"parts": ["hi", glyph(1)], "require": {"glyph": 1}},
        {"parts": "hello", "seed": "no number"},
        {"seed": 1},
        3,
        {"parts": "hello", "max_tokens": 2},
    ]

    found = pipeline.batch(requests, at_once=3, progress=lambda place, _: told.append(place))

    assert [isinstance(one, Answer) for one in found] == [True, True, False, False, False, True]
    assert all(isinstance(one, NextGPTError) for one in found[2:5])
    assert found[0].ids == pipeline.chat("hello").ids
    assert len(found[1].media) == 1
    assert sorted(told) == list(range(6))


def test_batch_takes_no_more_than_are_under_way(pipeline: Pipeline) -> None:
    taken: list[int] = []
    done: list[int] = []

    def requests() -> Any:
        for number in range(12):
            taken.append(number)
            assert len(taken) - len(done) <= 4
            yield f"hello {number}"

    for place, _ in outcomes(pipeline.chat, requests(), at_once=4):
        done.append(place)

    assert sorted(done) == taken == list(range(12))


@pytest.mark.parametrize("wrong", ["hello", {"parts": "hello"}, 5])
def test_batch_of_what_is_no_list_is_refused(pipeline: Pipeline, wrong: Any) -> None:
    with pytest.raises(RequestError, match="requests"):
        pipeline.batch(wrong)
