"""The reference names everything that a config can hold."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from nextgpt_registry import config

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "config.md"
MODELS = [
    model
    for _, model in inspect.getmembers(config, inspect.isclass)
    if issubclass(model, config.Settings) and model.model_fields
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_config_key_stands_in_the_reference(model: type[config.Settings]) -> None:
    named = set(re.findall(r"`(\w+)`", REFERENCE.read_text(encoding="utf-8")))

    assert set(model.model_fields) <= named
