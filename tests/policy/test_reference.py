"""The reference names everything there is: config keys, public names, errors."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import nextgpt_core
from nextgpt_core.train.settings import RunSettings
from nextgpt_registry import config, errors
from nextgpt_registry.cli.commands import commands, load
from nextgpt_registry.entrypoints import Installed

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MODELS = [
    model
    for _, model in inspect.getmembers(config, inspect.isclass)
    if issubclass(model, config.Settings) and model.model_fields
] + [RunSettings]


def named_in(page: str) -> set[str]:
    """The names that stand in backquotes: the last part of a dotted one, without what follows."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    starts = [re.match(r"[\w.]*", span) for span in re.findall(r"`([^`\n]+)`", text)]
    return {start[0].rpartition(".")[2] for start in starts if start}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_config_key_stands_in_the_reference(model: type[config.Settings]) -> None:
    assert set(model.model_fields) <= named_in("config.md")


def test_every_public_name_of_the_core_stands_in_the_reference() -> None:
    assert set(nextgpt_core.__all__) <= named_in("python.md")


def test_every_error_stands_in_the_reference() -> None:
    names = {
        name
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.NextGPTError)
    }

    assert names <= named_in("python.md")


OURS = [
    entry
    for entry in commands().values()
    if entry.dist in ("nextgpt-core", "nextgpt-registry") and not entry.broken
]


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_every_command_and_option_stands_in_the_reference(entry: Installed) -> None:
    loaded = load(entry)
    if not isinstance(loaded, typer.Typer):
        loaded, function = typer.Typer(), loaded
        loaded.command()(function)
    command = get_command(loaded)
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")

    options = {
        option
        for each in [command, *getattr(command, "commands", {}).values()]
        for parameter in each.params
        for option in parameter.opts
        if option.startswith("--")
    }

    assert f"## `nextgpt {entry.name}" in page
    assert not {option for option in options if f"`{option}" not in page} - {
        "--help",
        "--install-completion",
        "--show-completion",
    }
