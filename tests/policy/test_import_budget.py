"""Listing plugins and planning import nothing heavy, whatever is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nextgpt_registry import Catalog

HEAVY = {"diffusers", "numpy", "peft", "torch", "torchaudio", "torchvision", "transformers"}
PLUGINS = [plugin.name for plugin in Catalog.discover().plugins]
SYSTEMS = sorted(Catalog.discover().systems)


def imported_by(code: str, **environment: str) -> set[str]:
    """The modules loaded after running `code` in an interpreter of its own."""
    tail = "import json, sys; sys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tail}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def command(*arguments: str) -> str:
    return (
        "from nextgpt_registry.cli import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit as end: assert not end.code, end.code"
    )


@pytest.mark.parametrize(
    "arguments", [("--help",), ("plugins", "list"), ("plugins", "list", "--json")], ids=" ".join
)
def test_a_command_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not imported_by(command(*arguments)) & HEAVY


@pytest.mark.parametrize("system", SYSTEMS)
def test_planning_a_shipped_system_imports_nothing_heavy(system: str) -> None:
    assert not imported_by(command("plan", system)) & HEAVY


@pytest.mark.parametrize("name", PLUGINS)
def test_a_declaration_imports_nothing_heavy(name: str) -> None:
    code = f"from nextgpt_registry import Catalog; Catalog.discover([{name!r}])"

    assert not imported_by(code) & HEAVY


def test_importing_the_registry_reads_no_file_and_no_environment(tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    imported_by("import nextgpt_registry", NEXTGPT_CACHE=str(cache))

    assert not cache.exists()


UNASKED = {"diffusers", "gguf", "tensorboard", "torchaudio", "torchmetrics", "torchvision"}
"""Modules that nothing needs before a part that asks for them is built."""


def test_the_core_brings_no_library_of_parts_and_no_plugin() -> None:
    found = imported_by("from nextgpt_core import Pipeline; Pipeline")

    assert not found & UNASKED
    plugins = {p.module.__name__.partition(".")[0] for p in Catalog.discover().plugins}
    assert not found & plugins
