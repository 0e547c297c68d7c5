"""Projections that channels share, weights that a user brings, licences that wait for a yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry import Catalog, Config, Loaded, Plan, PlanError, SourceError, resolve
from nextgpt_registry.cli import main
from nextgpt_registry.fetch.sources import Source, cached, fetch

FACTS = {
    "family": "llama",
    "parameters": 5000,
    "width": 16,
    "layers": 2,
    "vocabulary": 100,
    "tied": False,
    "context": 64,
}
SHARED = {"kind": "linear", "shares": "all"}
ONE = {"modality": "lidar", "encoder": "patch", "input_projection": SHARED}
PARAMETERS = 32 * 16 + 16


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTGPT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def planned(folder: Path, **changes: Any) -> Plan:
    llm = {"path": "models:tiny", "facts": FACTS}
    raw = {"name": "small", "llm": llm, "plugins": ["lidar"], **changes}
    loaded = Loaded(Config.model_validate(raw), folder, "small")
    return resolve(loaded, Catalog.discover(["lidar"]))


def problems(caught: pytest.ExceptionInfo[PlanError]) -> dict[str, str]:
    return {p.path: f"{p.what} {p.fix}" for p in caught.value.problems}


def save(path: Path, **shapes: list[int]) -> None:
    """A safetensors file of zeros."""
    header: dict[str, Any] = {}
    end = 0
    for name, (rows, columns) in shapes.items():
        size = 4 * rows * columns
        shape = [rows, columns]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))


def test_a_shared_projection_is_counted_once(lidar: Path) -> None:
    plan = planned(lidar, modalities={"near": ONE, "far": ONE})

    found = {part.name: (part.parameters, part.checked) for part in plan.parts}
    assert found["near.input"] == (PARAMETERS, "counted")
    assert found["far.input"] == (0, "same as near.input")
    assert plan.trained(1) == PARAMETERS
    assert plan.sharing("far") == ("near", "far")
    assert plan.to_lock().channels["far"]["input"]["shares"] == "all"


def test_a_projection_of_ones_own_is_locked_as_before(lidar: Path) -> None:
    plan = planned(lidar, modalities={"lidar": {"encoder": "patch"}})

    assert set(plan.to_lock().channels["lidar"]["input"]) == {"kind", "options"}
    assert plan.sharing("lidar") == ("lidar",)


def test_a_shared_projection_must_be_one(lidar: Path) -> None:
    other = {**ONE, "input_projection": {"kind": "mlp", "shares": "all"}}

    with pytest.raises(PlanError) as caught:
        planned(lidar, modalities={"near": ONE, "far": other})

    assert "kind, options differ" in problems(caught)["modalities.far.input_projection"]


def test_what_its_user_brings_need_not_be_there_to_plan(lidar: Path, models: Path) -> None:
    plan = planned(lidar, weights={"signals": {"source": "models:a/signals.safetensors"}})

    assert plan.parts[0].state == "missing"
    assert any(str(models) in note for note in plan.notes)
    with pytest.raises(SourceError, match="bring it there"):
        fetch("models:tiny", sha256=None)


def test_what_was_brought_is_here(lidar: Path, models: Path) -> None:
    (models / "tiny").mkdir(parents=True)

    plan = planned(lidar)

    assert plan.parts[0].state == "here"
    assert cached("models:tiny", sha256=None) == models / "tiny"
    assert str(Source.parse("models:a/b.json")) == "models:a/b.json"


@pytest.mark.parametrize("wrong", ["models:", "models:../a", "models:/a", "models:a//b"])
def test_nothing_outside_the_folder_is_meant(wrong: str) -> None:
    with pytest.raises(SourceError, match="is no plain path"):
        Source.parse(wrong)


def test_base_rows_replace_those_of_the_language_model(lidar: Path) -> None:
    save(lidar / "rows.safetensors", input=[100, 16], output=[100, 16])
    rows = {"vocabulary": {"source": "file:rows.safetensors"}}

    found = {part.name: part for part in planned(lidar, weights=rows).parts}

    assert found["vocabulary"].parameters == 0
    assert (found["vocabulary"].checked, found["vocabulary"].state) == ("header", "here")


def test_base_rows_of_another_language_model_are_refused(lidar: Path) -> None:
    save(lidar / "rows.safetensors", input=[99, 16])

    with pytest.raises(PlanError) as caught:
        planned(lidar, weights={"vocabulary": {"source": "file:rows.safetensors"}})

    assert "is (99, 16), wanted (100, 16)" in problems(caught)["weights.vocabulary"]


def test_a_licence_waits_for_a_yes_until_assembly(lidar: Path) -> None:
    weights = {"model": {"source": "models:relief.safetensors"}}
    speaks = {"modality": "lidar", "decoder": {"name": "relief", "weights": weights}}

    plan = planned(lidar, modalities={"lidar": speaks})

    with pytest.raises(PlanError, match=r"CC-BY-NC-4\.0 forbids commercial use"):
        plan.check_accepted()
    planned(lidar, modalities={"lidar": speaks}, accept_licences=["CC-BY-NC-4.0"]).check_accepted()


def test_facts_without_a_source_are_said_to_be_unverified(lidar: Path) -> None:
    llm = {"path": "models:tiny", "facts": FACTS, "unverified": True}
    patch = {"name": "patch", "unverified": True}

    plan = planned(lidar, llm=llm, modalities={"lidar": {"encoder": patch}})

    found = {part.name: part.checked for part in plan.parts}
    assert found["llm"] == "facts, unverified"
    assert found["lidar.encoder"] == "declared, unverified"


def test_a_template_that_is_not_there_is_a_problem(lidar: Path) -> None:
    llm = {"path": "models:tiny", "facts": FACTS, "template": "file:gone.jinja"}

    with pytest.raises(PlanError) as caught:
        planned(lidar, llm=llm)

    assert "there is no file:gone.jinja" in problems(caught)["llm.template"]


def test_the_table_shows_what_is_frozen_and_what_to_accept(
    lidar: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.yaml"
    relief = {"name": "relief", "dtype": "float16", "weights": {"model": {"source": "models:r"}}}
    whole = {
        "llm": {"path": "models:tiny", "facts": FACTS},
        "plugins": ["lidar"],
        "modalities": {"lidar": {"encoder": "patch", "decoder": relief}},
    }
    path.write_text(json.dumps(whole), "utf-8")

    with pytest.raises(SystemExit):
        main(["plan", str(path)])

    told = capsys.readouterr().out
    assert f"stage 1     trains {PARAMETERS:,}" in told
    assert "are frozen" in told
    assert "of weights: float16" in told
    assert "forbids commercial use (modalities.lidar.decoder); if you may use them" in told


def test_an_output_projection_is_not_shared(lidar: Path) -> None:
    weights = {"model": {"source": "models:relief.safetensors"}}
    speaks = {
        "modality": "lidar",
        "decoder": {"name": "relief", "weights": weights},
        "output_projection": {"kind": "query", "shares": "all"},
    }

    with pytest.raises(PlanError) as caught:
        planned(lidar, modalities={"lidar": speaks})

    assert "no two channels" in problems(caught)["modalities.lidar.output_projection.shares"]
