"""A tiny pipeline with the toy plugin, and a language model that writes what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from nextgpt_core import (
    Pipeline,
)
from nextgpt_core.testing import SystemKit


@pytest.fixture
def pipeline(kit: SystemKit) -> Iterator[Pipeline]:
    with kit.pipeline() as pipeline:
        yield pipeline


@pytest.fixture
def passes(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many positions each pass of the language model computed."""
    language, lengths = pipeline.engine.shared.language, []
    read = language.read

    def counting(turns: Any) -> Any:
        lengths.append(sum(turn.count for turn in turns))
        return read(turns)

    monkeypatch.setattr(language, "read", counting)
    return lengths


Scripted = Callable[..., list[Any]]


@pytest.fixture
def scripted() -> Scripted:
    """The events when the model finds these ids the likeliest, each in turn, then the end."""

    def events(pipeline: Pipeline, ids: list[int], **options: Any) -> list[Any]:
        model = pipeline.system.model
        script = iter([*ids, model.backbone.tokenizer.eos_token_id])
        logits = model.logits

        def wanting(final: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = logits(final)
            found[0, next(script, model.backbone.tokenizer.eos_token_id)] = 1e4
            return found

        model.logits = wanting  # type: ignore[method-assign]
        try:
            return list(pipeline.stream("hello", **{"max_tokens": 64, **options}))
        finally:
            model.logits = logits  # type: ignore[method-assign]

    return events
