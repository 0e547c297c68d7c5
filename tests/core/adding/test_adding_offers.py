"""Channels for a trained system: what is planned, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nextgpt_core.training.adding import AdditionResult
from nextgpt_core.training.settings import rehearsed, stage_of
from nextgpt_registry import (
    Catalog,
    ConfigError,
    LockError,
    NextGPTError,
    PlanError,
    PluginError,
    TrainingError,
)
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.configfile import load_config
from nextgpt_registry.plan import make_plan

Train = Callable[..., AdditionResult]


def test_a_plan_shows_what_is_added_and_its_licence(base: Path, catalog: Catalog) -> None:
    joined = join(load_config(base), find_offer("mark", catalog=catalog))

    parts = {p.name: p for p in make_plan(joined.loaded, catalog=catalog).parts}

    assert parts["mark.encoder"].licence == "CC-BY-4.0"
    assert parts["mark.input"].state == "new"
    assert parts["glyph.input"].state == "here"


def test_half_of_the_dialogues_are_the_systems_own_where_signals_are_learned(
    base: Path, catalog: Catalog
) -> None:
    config = join(load_config(base), find_offer("mark", catalog=catalog)).loaded.config

    shares = {s: stage_of(config, s)[1].rehearsal for s in ("mark-encode", "mark-decode")}

    assert shares == {"mark-encode": 0.0, "mark-decode": 0.5}
    assert stage_of(config, "mark-decode")[1].parts == ("output", "signals")


def test_rehearsed_are_instruct_and_earlier_channels_but_not_their_inputs(
    base: Path, catalog: Catalog
) -> None:
    config = join(load_config(base), find_offer("mark", catalog=catalog)).loaded.config
    own = config.training["instruct"]
    earlier = {
        "sketch-encode": own.model_copy(update={"run": {"channels": ["sketch"]}}),
        "sketch-decode": own.model_copy(update={"run": {"channels": ["sketch"]}}),
        "see": own.model_copy(update={"run": {"channels": ["glyph"], "parts": ["input"]}}),
    }
    more = config.model_copy(update={"training": {**config.training, **earlier}})

    found = rehearsed(more, stage_of(more, "mark-decode")[1])

    assert list(found) == ["instruct", "sketch-decode"]
    assert list(found.values()) == [own, earlier["sketch-decode"]]


def test_relative_sources_of_both_sides_are_found_from_the_new_folder(
    adding: Train, asked: Any, mark: dict[str, Any], tmp_path: Path
) -> None:
    parts = tmp_path / "site" / "marks" / "lexicon.bin"
    parts.write_bytes(b"x")
    there = {"source": "file:lexicon.bin"}
    path = tmp_path / "site" / "marks" / "addition.yaml"
    added = {**mark, "suites": {"marks": {"target": f"{asked.__module__}:Asked", "options": there}}}
    path.write_text(yaml.safe_dump(added))

    config = load_config(adding("mark").folder).config

    assert config.suites["marks"].options["source"] == f"file:{parts}"
    assert config.llm.path == f"file:{tmp_path / 'tiny-llm'}"
    assert config.plugins == ("toy", "marks")


def test_channels_of_a_system_on_other_adapters_are_refused(
    adding: Train, other: Path, tmp_path: Path
) -> None:
    mark = adding("mark", to=other, out="one").folder

    with pytest.raises(LockError, match=r"weights\.lora: locked"):
        adding(mark)
    assert not (tmp_path / "new").exists()


def test_another_addition_in_the_same_folder_is_refused(adding: Train, tmp_path: Path) -> None:
    adding("mark")

    with pytest.raises(ConfigError, match="holds mark added to kit, and not the same: channels"):
        adding(tmp_path / "sketch.yaml")


def test_a_folder_that_holds_something_else_is_left_alone(adding: Train, tmp_path: Path) -> None:
    mine = tmp_path / "new" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")

    with pytest.raises(ConfigError, match="holds something other than this addition"):
        adding("mark")
    assert mine.read_text() == "years of work"


def test_adapters_are_never_trained_with_a_channel(adding: Train, base: Path) -> None:
    with pytest.raises(TrainingError, match="trains some channels alone, and `lora`"):
        adding("mark", "training.mark-encode.run.parts=[input,lora]")


@pytest.mark.parametrize(
    ("offer", "error", "told"),
    [
        ("mrak", PluginError, "did you mean 'mark'"),
        ("toy", PluginError, "this plugin offers nothing to add to a system"),
        ("no/such.yaml", ConfigError, "is no addition, file or folder"),
        ("{base}", ConfigError, "has no channel that kit lacks"),
        ("{tmp}/glyph.yaml", ConfigError, "the system has a channel glyph already"),
        ("{tmp}/wrong.yaml", ConfigError, "modalites: is no known key"),
        ("{tmp}/mute.yaml", TrainingError, "nor data to train sketch"),
        ("{tmp}/foreign.yaml", ConfigError, "names glyph, which is not added"),
        ("{tmp}/unlocked.yaml", ConfigError, "no lock that says what they fit"),
        ("{tmp}/strange.yaml", PlanError, "'strange'"),
    ],
)
def test_what_is_wrong_is_told(
    base: Path,
    adding: Train,
    sketch: dict[str, Any],
    tmp_path: Path,
    offer: str,
    error: type[NextGPTError],
    told: str,
) -> None:
    modalities = sketch["modalities"]
    run = {"decode": {"target": "a:b", "run": {"channels": ["glyph"]}}}
    weights = {"project.sketch": {"source": "file:x"}}
    for name, content in {
        "glyph": {"modalities": {"glyph": {"encoder": "rows"}}},
        "wrong": {"modalites": {}},
        "mute": {"modalities": modalities},
        "foreign": {"modalities": modalities, "training": run},
        "unlocked": {"modalities": modalities, "weights": weights},
        "strange": {"modalities": {"strange": {"encoder": "rows"}}},
    }.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))

    with pytest.raises(error, match=told):
        adding(offer.format(base=base, tmp=tmp_path))
    assert not (tmp_path / "new").exists()
