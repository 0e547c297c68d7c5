"""A decoder in a process of its own: its media, its errors, its death."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from nextgpt_core.answer import Cancel
from nextgpt_core.assembly.components import Blame, Item, LiveDecoder, Recipe
from nextgpt_core.engine.process import ProcessExecutor
from nextgpt_core.engine.worker import Executor
from nextgpt_core.testing.toy import MANIFEST, PainterOptions
from nextgpt_registry.errors import Cancelled, DecodeError, PluginError, ShapeError
from nextgpt_registry.media import Media

SLOW = PainterOptions(step_s=0.05)
pytestmark = pytest.mark.timeout(120)


def recipe(**changes: object) -> Recipe:
    spec = MANIFEST.decoders[0].model_copy(update=changes)
    return Recipe(Blame("toy", "painter"), spec, PainterOptions())


def item(seed: int = 0) -> Item:
    text_TD = torch.randn(4, 12, generator=torch.Generator().manual_seed(seed))
    return Item(seed, conditions={"text": text_TD})


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(recipe(), grace_s=0.3)
    yield executor
    executor.close()


def run(executor: Executor, options: PainterOptions, seeds: int = 1) -> list[Media]:
    items = [item(seed) for seed in range(seeds)]
    return executor.decode(items, options, on_step=_ignore, check=_go_on)


def test_process_makes_the_same_media_and_tells_its_steps(process: ProcessExecutor) -> None:
    made, steps = recipe(), []
    inline = run(LiveDecoder(made, made.build()), PainterOptions(), 2)

    def on_step(done: int, total: int) -> None:
        steps.append((done, total))

    found = process.decode([item(0), item(1)], PainterOptions(), on_step=on_step, check=_go_on)

    assert found == inline
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert process.pid is not None


def test_process_makes_media_from_captions(process: ProcessExecutor) -> None:
    (media,) = process.decode(
        [Item(0, caption="a cat")], PainterOptions(), on_step=_ignore, check=_go_on
    )

    assert media.modality == "glyph"


def test_error_in_the_process_is_typed_and_the_process_lives(process: ProcessExecutor) -> None:
    run(process, PainterOptions())
    pid = process.pid
    with pytest.raises(DecodeError, match="told to fail"):
        run(process, PainterOptions(fail="raise"))
    with pytest.raises(ShapeError, match="declared 1 x"):
        run(process, PainterOptions(fail="count"))

    assert run(process, PainterOptions())
    assert process.pid == pid


def test_death_of_the_process_is_an_error_and_the_next_call_starts_another(
    process: ProcessExecutor,
) -> None:
    run(process, PainterOptions())
    pid, starts = process.pid, process.starts

    with pytest.raises(DecodeError, match="exit code 9"):
        run(process, PainterOptions(fail="exit"))

    assert run(process, PainterOptions())
    assert process.pid not in (None, pid)
    assert process.starts == starts + 1


def test_cancelled_call_ends_at_its_next_step_and_keeps_the_process(
    process: ProcessExecutor,
) -> None:
    run(process, PainterOptions())
    pid, cancel = process.pid, Cancel()

    def on_step(done: int, total: int) -> None:
        cancel.set()

    options = PainterOptions(steps=1000, step_s=0.01)
    with pytest.raises(Cancelled):
        process.decode([item()], options, on_step=on_step, check=cancel.check)

    assert run(process, PainterOptions())
    assert process.pid == pid


def test_hanging_process_is_killed_when_cancelled(process: ProcessExecutor) -> None:
    cancel = Cancel()
    timer = threading.Timer(0.3, cancel.set)
    timer.start()

    with pytest.raises(Cancelled):
        process.decode([item()], PainterOptions(fail="hang"), on_step=_ignore, check=cancel.check)

    assert process.pid is None
    assert run(process, PainterOptions())


def test_decoder_that_cannot_be_built_there_is_an_error() -> None:
    executor = ProcessExecutor(recipe(target="nextgpt_core.testing.toy_parts:Nobody"))

    with pytest.raises(PluginError, match="Nobody"):
        run(executor, PainterOptions())
    executor.close()


def _ignore(done: int, total: int) -> None:
    pass


_go_on: Callable[[], None] = Cancel().check


def _ignore(done: int, total: int) -> None:
    pass
