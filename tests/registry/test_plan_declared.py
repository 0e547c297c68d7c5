"""Where a component's files come from may be declared: then no config need say it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from nextgpt_registry import Catalog, Encoder, Plan
from nextgpt_registry.config import EncoderSettings
from nextgpt_registry.plan.components import with_sources
from nextgpt_registry.specs import Weight

SHIPPED = "package:nextgpt-lidar/nextgpt_lidar/weights/model.bin"


def encoder(**changed: object) -> Encoder:
    return Encoder.model_validate(
        {
            "name": "patch",
            "modality": "lidar",
            "target": "nextgpt_lidar.live:Patch",
            "tokens": 4,
            "width": 8,
            "weights": ("model", "words"),
            **changed,
        }
    )


@pytest.fixture
def declaring(lidar: Path) -> Catalog:
    """The plugin's catalogue, its decoder's file declared and its weights shipped."""
    (lidar / "weights").mkdir()
    (lidar / "weights" / "model.bin").write_bytes(b"model")
    plugin = lidar / "plugin.py"
    text = plugin.read_text().replace(
        'weights=("model",), twin={}',
        f'weights=("model",), twin={{"steps": 1}}, sources={{"model": {{"source": "{SHIPPED}"}}}}',
    )
    plugin.write_text(text)
    return Catalog.discover(["lidar"])


def test_a_config_need_not_name_what_is_declared(
    declaring: Catalog, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = planned(tmp_path, declaring, modalities={"lidar": {"decoder": "relief"}})

    told = plan.channels["lidar"].decoder
    assert told is not None
    assert told.settings.weights == {"model": Weight(source=SHIPPED)}
    assert plan.config.modalities["lidar"].decoder is not None
    assert plan.config.modalities["lidar"].decoder.weights == {}  # what is saved stays as it was


def test_the_plan_says_where_weights_come_from(
    declaring: Catalog, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = planned(tmp_path, declaring, modalities={"lidar": {"decoder": "relief"}})

    parts = {part["name"]: part for part in json.loads(json.dumps(plan.to_json()))["parts"]}

    assert parts["lidar.decoder"]["sources"]["model"]["source"] == SHIPPED
    assert parts["lidar.decoder"]["state"] == "here"
    assert parts["llm"]["sources"]["llm"]["source"] == "file:."
    assert parts["lidar.output"]["sources"] == {}


def test_what_a_config_names_comes_first(
    declaring: Catalog, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    (tmp_path / "own.bin").write_bytes(b"own")
    own = {"name": "relief", "weights": {"model": {"source": "file:own.bin"}}}

    plan = planned(tmp_path, declaring, modalities={"lidar": {"decoder": own}})

    assert plan.channels["lidar"].decoder is not None
    assert plan.channels["lidar"].decoder.settings.weights["model"].source == "file:own.bin"


def test_a_twin_has_no_weights() -> None:
    spec = encoder(twin={"layers": 1}, sources={"model": {"source": SHIPPED}})

    twin = with_sources(spec, EncoderSettings(name="patch", options={"layers": 1}))

    assert twin.weights == {}
    assert list(with_sources(spec, EncoderSettings(name="patch")).weights) == ["model"]


def test_a_source_may_carry_its_pin() -> None:
    pinned = {"source": "pypi:words==1.0/a.bin", "sha256": "1" * 64, "bytes": 3}

    declared = encoder(sources={"model": pinned, "words": {"source": "models:words.txt"}})

    assert declared.sources["model"].bytes == 3
    assert declared.sources["words"] == Weight(source="models:words.txt")


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ({"modle": {"source": SHIPPED}}, "none of its weights"),
        ({"model": {"source": "file:weights/model.bin"}}, "write 'package:DISTRIBUTION/path'"),
        ({"model": {"source": ["file:a", "file:b"]}}, "write 'package:DISTRIBUTION/path'"),
        ({"model": SHIPPED}, r"sources\.model"),
    ],
)
def test_a_wrong_declaration_is_refused(sources: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        encoder(sources=sources)
