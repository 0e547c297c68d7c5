"""The kit as a pytest plugin: `-p nextgpt_registry.testing`. Imports neither torch nor numpy.

Nothing of the kit needs it. Loaded, it looks at the classes of the kit once more after collection,
when nothing that a test module or a conftest does can come later, and says what they test against.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import pytest

from nextgpt_registry.errors import PluginError
from nextgpt_registry.specs import API
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.replacements import look_again


def pytest_report_header() -> str:
    """`nextgpt: registry 0.1.0, API 1.0`."""
    return f"nextgpt: registry {version('nextgpt-registry')}, API {API}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """End the run where a class of the kit has had something replaced, or names no plugin."""
    classes = {cls: None for cls in (getattr(item, "cls", None) for item in items) if cls}
    try:
        for cls in classes:
            if issubclass(cls, Kit):
                look_again(cls)
    except PluginError as error:
        raise pytest.UsageError(str(error)) from error
