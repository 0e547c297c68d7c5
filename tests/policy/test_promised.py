"""What plugins of the repository import is promised to everybody's, and where they import it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SURFACE = ROOT / "docs" / "reference" / "surface.py"
FILES = sorted(
    path
    for plugin in (ROOT / "plugins").glob("*/nextgpt_*")
    if not plugin.name.endswith(".egg-info")
    for path in plugin.rglob("*.py")
)


@pytest.fixture(scope="module")
def promised() -> Iterator[set[str]]:
    spec = importlib.util.spec_from_file_location("surface", SURFACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["surface"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield set(map(_short, module.current()))
    del sys.modules["surface"]


def _short(name: str) -> str:
    """`module:Class.field` -> `module:Class`."""
    module, _, path = name.partition(":")
    return f"{module}:{path.partition('.')[0]}"


def imports(path: Path) -> Iterator[str]:
    """`module:name` of each import of ours, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found = [f"{one.name}:" for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}:{one.name}" for one in node.names]
        else:
            continue
        yield from (one for one in found if one.startswith("nextgpt_"))


def trains(path: Path) -> bool:
    """Whether a file is of a plugin's extra `train`."""
    return "train" in path.relative_to(ROOT).parts


def test_plugins_import_names_that_are_promised_to_everybody(promised: set[str]) -> None:
    hosts = ("nextgpt_registry", "nextgpt_core")

    strange = {
        f"{path.relative_to(ROOT)}: {one}"
        for path in FILES
        for one in imports(path)
        if one.startswith(hosts) and one not in promised
    }

    assert not strange, "add them to docs/reference/modules.md, or do without"


APPS = {"serve"}
"""Plugins that declare nothing and use a system: what they import of the core is promised too."""


def test_only_what_trains_imports_the_core_and_the_world() -> None:
    apart = [path for path in FILES if path.relative_to(ROOT).parts[1] not in APPS]
    others = [path for path in apart if not trains(path)]

    core = [path for path in others if any(one.startswith("nextgpt_core") for one in imports(path))]
    world = {
        path.relative_to(ROOT).parts[1]
        for path in others
        if any(one.startswith("nextgpt_world") for one in imports(path))
    }

    assert not core
    assert world == {"world"}


def test_only_commands_import_what_trains() -> None:
    """An import contract does not see through a module that trains."""
    found = {
        path.stem
        for path in FILES
        if not trains(path) and any(".train" in one for one in imports(path))
    }

    assert found == {"cli"}
