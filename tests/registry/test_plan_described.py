"""A decoder whose sizes are in its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_registry import (
    Plan,
    PlanError,
)

Planned = Callable[..., Plan]


def problems(caught: pytest.ExceptionInfo[PlanError]) -> dict[str, str]:
    return {p.path: f"{p.what} {p.fix}" for p in caught.value.problems}


DESCRIBE = """
import json
from nextgpt_registry import Condition, SourceError

def describe(spec, paths):
    said = json.loads(paths["model"].read_text())
    if "tokens" not in said:
        raise SourceError("model.json", "says no tokens", "write them")
    text = Condition(name="text", tokens=said["tokens"], width=8)
    return spec.model_copy(update={"conditions": (text,), **said.get("more", {})})

def forget(spec, paths):
    return None
"""
DESCRIBED = {
    "lidar": {
        "decoder": {"name": "relief", "weights": {"model": {"source": "file:model.json"}}},
    }
}


@pytest.fixture
def described(lidar: Path) -> Path:
    """The plugin of which a decoder's sizes are in its files."""
    plugin = lidar / "plugin.py"
    text = plugin.read_text()
    text = text.replace("twin={},", "twin={}, describe='nextgpt_lidar.files:describe',")
    plugin.write_text(text)
    (lidar / "files.py").write_text(DESCRIBE)
    return lidar


def test_a_decoder_may_be_described_by_its_files(planned: Planned, described: Path) -> None:
    said = {"tokens": 5, "more": {"parameters": 70}}
    (described / "model.json").write_text(json.dumps(said))

    plan = planned(described, modalities=DESCRIBED)

    output = plan.channels["lidar"].output
    assert output is not None
    assert [c.tokens for c in output.conditions] == [5]
    part = next(part for part in plan.parts if part.name == "lidar.decoder")
    assert (part.parameters, part.checked) == (70, "files")
    assert plan.to_lock().channels["lidar"]["decoder"]["conditions"] == {"text": [5, 8]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "says no tokens"),
        ("{", "cannot be described: JSONDecodeError"),
        ('{"tokens": 5, "more": {"target": "a.b:C"}}', "changed target"),
        ('{"tokens": 5, "more": {"requires": ["nowhere_to_be_found"]}}', "nowhere_to_be_found"),
    ],
)
def test_files_that_describe_no_decoder_are_told(
    planned: Planned, described: Path, content: str, told: str
) -> None:
    (described / "model.json").write_text(content)

    with pytest.raises(PlanError, match=told):
        planned(described, modalities=DESCRIBED)


def test_a_described_decoder_needs_its_files_here(planned: Planned, described: Path) -> None:
    with pytest.raises(PlanError) as absent:
        planned(described, modalities=DESCRIBED)
    with pytest.raises(PlanError) as unnamed:
        planned(described, modalities={"lidar": {"decoder": "relief"}})

    assert "which are not here" in problems(absent)["modalities.lidar.decoder.weights.model"]
    assert set(problems(unnamed)) == {"modalities.lidar.decoder.weights"}


def test_a_describing_function_returns_a_decoder(planned: Planned, described: Path) -> None:
    (described / "model.json").write_text("{}")
    plugin = described / "plugin.py"
    plugin.write_text(plugin.read_text().replace("files:describe", "files:forget"))

    with pytest.raises(PlanError, match="returned a NoneType"):
        planned(described, modalities=DESCRIBED)
