"""The hooks of the plugin alone. Knows nothing about the tests."""

from __future__ import annotations

from typing import Any

import pluggy
import pytest

from nextgpt_registry import hookspecs
from nextgpt_video import plugin


@pytest.fixture(scope="session")
def hook() -> Any:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return manager.hook
