"""A text as one vector, while answers are written."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.errors import RequestError


def test_a_text_is_read_by_the_thread_that_answers_are_written_by(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = pipeline.system.model.backbone
    threads, once = set[str](), backbone.once

    def watched(*given: Any, **more: Any) -> Any:
        threads.add(threading.current_thread().name)
        return once(*given, **more)

    monkeypatch.setattr(backbone, "once", watched)
    alone = pipeline.embed("hello there")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(pipeline.chat, "tell me", max_tokens=30) for _ in range(4)]
        found = list(pool.map(pipeline.embed, ["hello there"] * 8))
        assert all(answer.result().text for answer in answers)

    assert threads == {"language model"}
    assert all(one == alone for one in found)


def test_what_fails_while_a_text_is_read_reaches_who_asked_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline.system.model.backbone, "once", lambda *given, **more: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pipeline.embed("a")
    assert pipeline.embed("a").tokens == 1
    pipeline.close()
    with pytest.raises(RequestError, match="closed"):
        pipeline.embed("a")
