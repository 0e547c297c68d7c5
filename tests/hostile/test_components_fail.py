"""Components that raise, return rubbish or compute no numbers: named, in an error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nextgpt_core import Pipeline
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_core.testing.toy import ToyPlugin
from nextgpt_registry import (
    Blob,
    EncodeError,
    Media,
    MediaError,
    NextGPTError,
    PluginError,
    RequestError,
    ShapeError,
    hookimpl,
)

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with SystemKit(tmp_path).pipeline() as pipeline:
        yield pipeline


def spoil(module: torch.nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("alone", [False, True])
def test_features_that_are_no_numbers_are_the_encoders_fault(
    pipeline: Pipeline, value: float, alone: bool
) -> None:
    spoil(pipeline.system.encoders["glyph"].component, value)

    with pytest.raises(ShapeError, match=r"toy/rows: its features: 96 of 96 .* no numbers"):
        pipeline.chat(["What is this?", glyph(1)], deterministic=alone)
    assert pipeline.chat("And without one?").parts


def test_projected_features_that_are_no_numbers_are_the_projections_fault(
    pipeline: Pipeline,
) -> None:
    spoil(pipeline.system.model.inputs["glyph"], float("nan"))

    with pytest.raises(ShapeError, match=r"project\.glyph: its input projection"):
        pipeline.chat(["What is this?", glyph(1)])


def test_conditions_that_are_no_numbers_cost_the_medium_alone(pipeline: Pipeline) -> None:
    spoil(pipeline.system.model.outputs["glyph"], float("nan"))

    answer = pipeline.chat("Draw.", require={"glyph": 1})

    (failed,) = answer.failures
    assert isinstance(failed.error, ShapeError)
    assert str(failed.error).startswith("project.glyph: its output projection")


def test_caption_targets_that_are_no_numbers_are_the_decoders_fault(tmp_path: Path) -> None:
    with SystemKit(tmp_path).pipeline("modalities.glyph.decoder.route=caption") as pipeline:
        spoil(pipeline.system.decoders["glyph"].component.words, float("nan"))
        answer = pipeline.chat("Draw.", require={"glyph": 1})

    (failed,) = answer.failures
    assert "toy/painter: its conditions 'text'" in str(failed.error)


def test_medium_in_another_layout_is_the_decoders_fault(pipeline: Pipeline) -> None:
    answer = pipeline.chat(
        "Draw.", require={"glyph": 1}, decoder_options={"glyph": {"fail": "layout"}}
    )

    (failed,) = answer.failures
    assert isinstance(failed.error, ShapeError)
    assert str(failed.error).startswith("toy/painter: what it made is an array")


@pytest.mark.parametrize(
    "error", [ValueError("odd"), KeyError("x"), MemoryError(), OSError(5, ""), SystemExit(0)]
)
@pytest.mark.parametrize("method", ["preprocess", "forward", "left_out"])
def test_encoder_that_raises_is_named(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, method: str, error: BaseException
) -> None:
    def fail(*given: Any) -> Any:
        raise error

    component = pipeline.system.encoders["glyph"].component
    monkeypatch.setattr(component, method, fail, raising=method != "left_out")

    with pytest.raises(EncodeError, match=f"toy/rows: {type(error).__name__}") as caught:
        pipeline.chat([glyph(1)])
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("found", [None, "text", torch.zeros(1, 8, 11), torch.zeros(8, 12)])
def test_encoder_that_returns_something_else_is_named(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    component = pipeline.system.encoders["glyph"].component
    monkeypatch.setattr(component, "forward", lambda x: found)

    with pytest.raises(ShapeError, match="toy/rows: its features"):
        pipeline.chat([glyph(1)])


class Broken(ToyPlugin):
    """A toy whose hooks fail, or return what was not asked for."""

    def __init__(self, hook: str, act: Any) -> None:
        self.hook, self.act = hook, act

    def _do(self, hook: str) -> Any:
        if hook != self.hook:
            return None
        if isinstance(self.act, BaseException):
            raise self.act
        return self.act

    @hookimpl
    def nextgpt_read_media(self, modality: str, blob: Blob) -> Any:
        return self._do("nextgpt_read_media") or super().nextgpt_read_media(modality, blob)

    @hookimpl
    def nextgpt_check_media(self, media: Media) -> Any:
        return self._do("nextgpt_check_media") or super().nextgpt_check_media(media)

    @hookimpl
    def nextgpt_write_media(self, media: Media, stem: Path) -> Any:
        return self._do("nextgpt_write_media") or super().nextgpt_write_media(media, stem)


@pytest.mark.parametrize(
    ("hook", "act", "says"),
    [
        ("nextgpt_read_media", ValueError("odd"), "failed: ValueError: odd"),
        ("nextgpt_read_media", RecursionError(), "failed: RecursionError"),
        ("nextgpt_read_media", SystemExit(0), "failed: SystemExit: 0"),
        ("nextgpt_read_media", Media("rune", b""), "returned rune, wanted glyph"),
        ("nextgpt_read_media", "a glyph", "returned a str, wanted glyph"),
        ("nextgpt_check_media", IndexError("odd"), "failed: IndexError: odd"),
        ("nextgpt_check_media", 5, "returned a int, wanted glyph"),
        ("nextgpt_write_media", OSError("odd"), "failed: OSError: odd"),
    ],
)
def test_hook_that_fails_is_put_to_its_plugins_account(
    tmp_path: Path, hook: str, act: Any, says: str
) -> None:
    kit = SystemKit(tmp_path, plugins={"toy": Broken(hook, act)})
    calls: dict[str, Any] = {
        "nextgpt_read_media": lambda p: p.read(("glyph", b"GLYPH" + bytes(64))),
        "nextgpt_check_media": lambda p: p.read(glyph(1)),
        "nextgpt_write_media": lambda p: p.write(glyph(1), tmp_path / "a"),
    }

    with kit.pipeline() as pipeline, pytest.raises(PluginError) as caught:
        calls[hook](pipeline)

    assert str(caught.value).startswith(f"toy/glyph: {hook} {says}")


def test_what_a_plugin_says_of_a_medium_passes_as_it_is(tmp_path: Path) -> None:
    kit = SystemKit(
        tmp_path,
        plugins={"toy": Broken("nextgpt_read_media", MediaError("a", "is odd", "mend it"))},
    )

    with kit.pipeline() as pipeline, pytest.raises(MediaError, match="a: is odd"):
        pipeline.read(("glyph", b"GLYPH" + bytes(64)))


class Observer(ToyPlugin):
    """A toy that fails when it is told of a component."""

    @hookimpl
    def nextgpt_component_ready(self, kind: str, name: str, component: Any) -> None:
        raise ValueError("odd")


def test_an_observer_that_fails_is_named(tmp_path: Path) -> None:
    kit = SystemKit(tmp_path, plugins={"toy": Observer()})

    with pytest.raises(PluginError, match="toy: nextgpt_component_ready: ValueError: odd"):
        kit.pipeline()


@pytest.mark.parametrize("count", [9, 100, 10**15])
def test_more_media_than_an_answer_may_hold_cannot_be_required(
    pipeline: Pipeline, count: int
) -> None:
    with pytest.raises(RequestError, match=f"{count} media are required, .* at most 8"):
        pipeline.chat("Draw.", require={"glyph": count})


def test_limit_of_media_can_be_raised_as_the_error_says(pipeline: Pipeline) -> None:
    answer = pipeline.chat("Draw.", require={"glyph": 9}, max_media=9, max_tokens=1)

    assert len(answer.media) == 9
    with pytest.raises(NextGPTError, match="tokens long"):  # and no more than the model reads
        pipeline.chat("Draw.", require={"glyph": 10**6}, max_media=10**6)
