"""Training and evaluation as functions of Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from nextgpt_core import TrainingResult, evaluate, train
from nextgpt_core.testing import SystemKit, glyph
from nextgpt_registry.errors import ConfigError, NextGPTError, RequestError, TrainingError
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.suites import Expected, Prompt, Suite

pytestmark = pytest.mark.timeout(120)
RUN = {"steps": 2, "batch": 2, "window": 1, "samples": 0, "validate_on": 2}


class Glyphs:
    """Dialogues about glyphs, numbered."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> Sequence[Message]:
        return (
            Message("user", (MediaPart("glyph", glyph(number)), "What is it?")),
            Message("assistant", ("A glyph.",)),
        )


class Lenient:
    """Judges nothing."""

    ceiling: Mapping[str, float] = MappingProxyType({})

    def facts(self, answers: Sequence[Any]) -> list[dict[str, str]]:
        return [{} for _ in answers]


def suite() -> Suite:
    prompts = [
        Prompt(
            id=f"tell/{number}",
            direction="text->text",
            expected=(Expected("text", {}, ""),),
            messages=(Message("user", ("hello",)),),
        )
        for number in range(3)
    ]
    return Suite("toy", prompts, {"text": Lenient()})


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    builder = SystemKit(tmp_path).builder.set(
        training={"encode": {"target": f"{__name__}:Glyphs"}},
        suites={"toy": {"target": f"{__name__}:suite"}},
    )
    return {"system": builder.config("generation.max_tokens=2"), "catalog": builder.catalog}


def test_stage_is_trained_with_settings_of_python_values(
    system: dict[str, Any], tmp_path: Path
) -> None:
    heard: list[tuple[Any, ...]] = []

    found = train(
        **system,
        stage="encode",
        out=tmp_path / "run",
        progress=lambda *told: heard.append(told),
        **RUN,
    )

    assert isinstance(found, TrainingResult)
    assert (found.steps, found.folder) == (2, tmp_path / "run")
    assert set(found.parts) == {"project.glyph"}
    assert [told[:3] for told in heard] == [("kit encode", 1, 2), ("kit encode", 2, 2)]
    assert set(heard[0][3]) >= {"loss", "text"}


def test_live_pipeline_and_a_config_are_evaluated_alike(
    system: dict[str, Any], tmp_path: Path
) -> None:
    first = evaluate(**system, suite="toy", limit=2, untrained=True, out=tmp_path / "one")
    with SystemKit(tmp_path).pipeline("generation.max_tokens=2") as pipeline:
        second = evaluate(pipeline, suite=suite(), limit=2, out=tmp_path / "two")
        again = pipeline.chat("it stays open")

    assert again.ids is not None
    assert first.figures["n"] == second.figures["n"] == 2
    assert len(first.results) == 2
    assert (first.folder / "index.html").is_file()
    assert first.goals_missed == ()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, TrainingError),
        ({"stage": "smell"}, TrainingError),
        ({"stage": 5}, TrainingError),
        ({"stage": "encode", "stepps": 5}, TrainingError),
        ({"stage": "encode", "steps": 0}, TrainingError),
        ({"stage": "encode", "out": 5}, ConfigError),
        ({"stage": "encode", "out": "/proc/a"}, RequestError),
        ({"stage": "encode", "start": 5}, ConfigError),
        ({"stage": "encode", "progress": 5}, ConfigError),
    ],
)
def test_training_that_cannot_be_is_refused(
    system: dict[str, Any], given: dict[str, Any], error: type[NextGPTError]
) -> None:
    with pytest.raises(error):
        train(**system, **given)


def test_stage_that_is_not_named_lists_those_there_are(system: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="stage: is not named") as caught:
        train(**system)

    assert caught.value.fix == "one of kit's: encode"


@pytest.mark.parametrize("given", [{"limit": 0}, {"limit": True}, {"jobs": 0}, {"jobs": "2"}])
def test_evaluation_of_no_count_is_refused(system: dict[str, Any], given: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="whole number"):
        evaluate(**system, suite="toy", **given)


@pytest.mark.parametrize("suite", [None, 5, "nowhere", "nowhere.jsonl"])
def test_suite_that_is_none_is_told_before_anything_is_loaded(
    system: dict[str, Any], suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextgpt_core.assembly.assemble.assemble", None)  # would be a TypeError

    with pytest.raises(ConfigError):
        evaluate(**system, suite=suite)


def test_run_that_is_interrupted_says_that_the_same_call_goes_on(
    system: dict[str, Any], tmp_path: Path
) -> None:
    def interrupt(*told: Any) -> None:
        raise KeyboardInterrupt

    def begun(progress: Any = None) -> TrainingResult:
        return train(
            **system, stage="encode", out=tmp_path / "run", **RUN, progress=progress or ignore
        )

    def ignore(*told: Any) -> None:
        pass

    with pytest.raises(KeyboardInterrupt) as caught:
        begun(interrupt)

    assert caught.value.__notes__ == ["the same call goes on from what is saved"]
    assert begun().steps == 2


def test_overrides_are_texts(system: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="overrides"):
        train(system["system"], 5, stage="encode", catalog=system["catalog"])  # type: ignore[arg-type]


def test_what_is_wrong_is_told_without_torch() -> None:
    code = (
        "import sys\nfrom nextgpt_core import train\n"
        "try: train('no-such-system', stage='encode')\n"
        "except Exception as error: sys.exit('torch' in sys.modules or 'no-such' not in str(error))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
