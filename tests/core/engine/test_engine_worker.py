"""The worker of a decoder: jobs that share calls, with the toy decoder, able to fail on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from nextgpt_core.answer import Cancel
from nextgpt_core.assembly.components import Blame, Item, LiveDecoder, Recipe
from nextgpt_core.engine.worker import DecoderWorker, Job
from nextgpt_core.testing.toy import MANIFEST, PainterOptions
from nextgpt_registry.errors import DecodeError, NextGPTError, ShapeError
from nextgpt_registry.media import Media

SLOW = PainterOptions(step_s=0.05)
pytestmark = pytest.mark.timeout(120)


def recipe(**changes: object) -> Recipe:
    spec = MANIFEST.decoders[0].model_copy(update=changes)
    return Recipe(Blame("toy", "painter"), spec, PainterOptions())


def item(seed: int = 0) -> Item:
    text_TD = torch.randn(4, 12, generator=torch.Generator().manual_seed(seed))
    return Item(seed, conditions={"text": text_TD})


@dataclass
class Outcome:
    """What a job came to."""

    cancel: Cancel = field(default_factory=Cancel)
    steps: list[tuple[int, int]] = field(default_factory=list)
    media: Media | None = None
    error: NextGPTError | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def job(
        self, seed: int = 0, options: PainterOptions | None = None, *, alone: bool = False
    ) -> Job:
        return Job(
            item(seed),
            options or PainterOptions(),
            self.cancel,
            on_step=lambda done, total: self.steps.append((done, total)),
            on_made=self._made,
            on_failed=self._failed,
            alone=alone,
        )

    def _made(self, media: Media) -> None:
        self.media = media
        self.done.set()

    def _failed(self, error: NextGPTError) -> None:
        self.error = error
        self.done.set()


@pytest.fixture
def worker() -> Iterator[DecoderWorker]:
    made = recipe()
    worker = DecoderWorker(LiveDecoder(made, made.build()), max_batch=3, linger_s=0.2)
    yield worker
    worker.close()


def submit(worker: DecoderWorker, count: int, **job: object) -> list[Outcome]:
    outcomes = [Outcome() for _ in range(count)]
    for seed, outcome in enumerate(outcomes):
        worker.submit(outcome.job(seed, **job))  # type: ignore[arg-type]
    return outcomes


def wait(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert outcome.done.wait(30)


def test_equal_jobs_share_calls_up_to_the_most(worker: DecoderWorker) -> None:
    outcomes = submit(worker, 5)
    wait(outcomes)

    assert list(worker.batches) == [3, 2]
    assert outcomes[0].steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_jobs_with_other_keys_do_not_share(worker: DecoderWorker) -> None:
    outcomes = [*submit(worker, 2), *submit(worker, 1, options=PainterOptions(steps=2))]
    wait(outcomes)

    assert list(worker.batches) == [2, 1]


@pytest.mark.parametrize(("count", "alone"), [(1, True), (3, False)])
def test_a_call_that_nobody_else_can_join_does_not_wait(count: int, alone: bool) -> None:
    made = recipe()
    worker = DecoderWorker(LiveDecoder(made, made.build()), max_batch=3, linger_s=600)

    outcomes = submit(worker, count, alone=alone)

    wait(outcomes)
    worker.close()


def test_captions_and_conditions_do_not_share(worker: DecoderWorker) -> None:
    outcomes = [Outcome(), Outcome()]
    worker.submit(outcomes[0].job())
    worker.submit(replace(outcomes[1].job(), item=Item(1, caption="a cat")))
    wait(outcomes)

    assert list(worker.batches) == [1, 1]
    assert all(outcome.media for outcome in outcomes)


def test_options_outside_the_key_do_not_keep_jobs_apart(worker: DecoderWorker) -> None:
    outcomes = [*submit(worker, 1), *submit(worker, 1, options=PainterOptions(contrast=2))]
    wait(outcomes)

    assert list(worker.batches) == [2]


def test_batched_media_agree_with_those_made_alone(worker: DecoderWorker) -> None:
    together = submit(worker, 3)
    alone = submit(worker, 3, alone=True)
    wait(together + alone)

    assert list(worker.batches) == [3, 1, 1, 1]
    for one, other in zip(together, alone, strict=True):
        assert one.media is not None
        assert other.media is not None
        difference = one.media.data.astype(int) - other.media.data.astype(int)
        assert np.abs(difference).max() <= 2


def test_jobs_alone_are_byte_equal_every_time(worker: DecoderWorker) -> None:
    first, second = submit(worker, 3, alone=True), submit(worker, 3, alone=True)
    wait(first + second)

    assert [o.media for o in first] == [o.media for o in second]
    assert len({o.media for o in first}) == 3


def test_what_a_decoder_raises_is_a_typed_error(worker: DecoderWorker) -> None:
    (outcome,) = submit(worker, 1, options=PainterOptions(fail="raise"))
    wait([outcome])

    assert isinstance(outcome.error, DecodeError)
    assert "toy/painter" in str(outcome.error)
    assert "told to fail" in str(outcome.error)


def test_worker_goes_on_after_a_failure(worker: DecoderWorker) -> None:
    failed = submit(worker, 1, options=PainterOptions(fail="raise"))
    fine = submit(worker, 1)
    wait(failed + fine)

    assert fine[0].media is not None


def test_too_few_media_are_blamed_on_the_decoder(worker: DecoderWorker) -> None:
    (outcome,) = submit(worker, 1, options=PainterOptions(fail="count"))
    wait([outcome])

    assert isinstance(outcome.error, ShapeError)
    assert "declared 1 x Media(glyph)" in str(outcome.error)


def test_a_shared_call_that_fails_is_tried_one_by_one(worker: DecoderWorker) -> None:
    outcomes = submit(worker, 3, options=PainterOptions(fail="raise"))
    wait(outcomes)

    assert list(worker.batches) == [3, 1, 1, 1]
    assert all(isinstance(o.error, DecodeError) for o in outcomes)


def test_what_was_called_off_is_not_tried_again(worker: DecoderWorker) -> None:
    outcomes = [Outcome(), Outcome()]
    off, on = (outcome.job(options=PainterOptions(fail="raise")) for outcome in outcomes)
    worker.submit(replace(off, on_step=lambda done, total: outcomes[0].cancel.set()))
    worker.submit(on)
    wait(outcomes[1:])

    assert list(worker.batches) == [2, 1]
    assert not outcomes[0].done.is_set()


def test_wrong_conditions_are_blamed_with_found_and_declared() -> None:
    made = recipe()
    executor = LiveDecoder(made, made.build())
    wrong = Item(0, conditions={"text": torch.zeros(5, 12)})

    with pytest.raises(ShapeError, match=r"found .*\(1, 5, 12\).*declared .*\(1, 4, 12\)"):
        executor.decode([wrong], PainterOptions(), on_step=_ignore, check=_go_on)


def test_cancelled_job_is_dropped_from_the_queue(worker: DecoderWorker) -> None:
    first, second = submit(worker, 1, options=SLOW), submit(worker, 1)
    second[0].cancel.set()
    wait(first)
    last = submit(worker, 1)
    wait(last)

    assert not second[0].done.is_set()
    assert list(worker.batches) == [1, 1]


def test_cancelling_one_job_of_a_call_does_not_stop_the_others(worker: DecoderWorker) -> None:
    outcomes = submit(worker, 2, options=SLOW)
    while not outcomes[0].steps:
        time.sleep(0.01)
    outcomes[0].cancel.set()
    wait(outcomes[1:])

    assert outcomes[1].media is not None


def test_cancelling_all_jobs_stops_the_call(worker: DecoderWorker) -> None:
    outcomes = submit(worker, 2, options=PainterOptions(steps=1000, step_s=0.01))
    while not outcomes[0].steps:
        time.sleep(0.01)
    for outcome in outcomes:
        outcome.cancel.set()
    last = submit(worker, 1)
    wait(last)

    assert not outcomes[0].done.is_set()
    assert len(outcomes[0].steps) < 900


def test_closing_fails_what_is_queued_under_way_and_yet_to_come(worker: DecoderWorker) -> None:
    running = submit(worker, 1, options=PainterOptions(steps=1000, step_s=0.01))
    while not running[0].steps:
        time.sleep(0.01)
    queued = submit(worker, 2)
    worker.close()
    wait(running + queued)

    assert all("was stopped" in str(outcome.error) for outcome in running + queued)
    with pytest.raises(DecodeError, match="was stopped"):
        submit(worker, 1)


def test_closing_waits_for_the_thread(worker: DecoderWorker) -> None:
    """A thread that frees tensors while the interpreter ends aborts the process."""
    outcome, ended = Outcome(), threading.Event()
    makers: list[threading.Thread] = []

    def on_made(media: Media) -> None:
        makers.append(threading.current_thread())
        outcome.done.set()
        time.sleep(0.3)
        ended.set()

    worker.submit(replace(outcome.job(), on_made=on_made))
    wait([outcome])
    worker.close()

    assert ended.is_set()
    assert [maker.is_alive() for maker in makers] == [False]


_go_on: Callable[[], None] = Cancel().check


def _ignore(done: int, total: int) -> None:
    pass
