"""The reference says what the code says: generated regions are current and leave nothing out."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import nextgpt_core
from nextgpt_core.training.settings import RunSettings
from nextgpt_registry import config, errors
from nextgpt_registry.cli.commands import commands
from nextgpt_registry.schema import described

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
OURS = ("nextgpt-core", "nextgpt-registry")
MODELS = [
    model
    for _, model in inspect.getmembers(config, inspect.isclass)
    if issubclass(model, config.Settings) and model.model_fields
    if model.__module__ == config.__name__ and not model.__subclasses__()
]


@pytest.fixture(scope="module")
def generate() -> Any:
    spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(page: str) -> str:
    return (REFERENCE / page).read_text(encoding="utf-8")


def named_in(page: str) -> set[str]:
    """The names that stand in backquotes: the last part of a dotted one, without what follows."""
    starts = [re.match(r"[\w.]*", span) for span in re.findall(r"`([^`\n]+)`", read(page))]
    return {start[0].rpartition(".")[2] for start in starts if start}


def test_generated_regions_and_schema_are_current(generate: Any) -> None:
    outdated = sorted(path.name for path in generate.outdated())

    assert not outdated, "run `make reference`"


def test_a_region_that_was_edited_is_found(generate: Any) -> None:
    page = read("specs.md")

    assert generate.filled(page.replace("All that a plugin declares.", "")) == page


@pytest.mark.parametrize("model", [*MODELS, RunSettings], ids=lambda model: model.__name__)
def test_every_setting_stands_in_the_reference(model: type[config.Settings]) -> None:
    page = "training.md" if model is RunSettings else "config.md"

    assert f"## {model.__name__}\n" in read(page)
    assert set(model.model_fields) <= named_in(page)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_setting_has_a_comment_that_says_what_it_is(model: type[config.Settings]) -> None:
    fields = described(model)["properties"]

    assert not [name for name, field in fields.items() if not field.get("description")]


def test_every_public_name_of_the_core_stands_in_the_reference() -> None:
    assert set(nextgpt_core.__all__) <= named_in("python.md")


def test_every_error_stands_in_the_reference() -> None:
    names = {
        name
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.NextGPTError)
    }

    assert names <= named_in("errors.md")


def test_every_command_stands_in_the_reference() -> None:
    names = [entry.name for entry in commands().values() if entry.dist in OURS]

    page = read("commands.md")

    assert not [name for name in names if f"<!-- generated: command {name} -->" not in page]
