"""Listing plugins and planning import nothing heavy, whatever is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from nextgpt_registry import Catalog

HEAVY = {"diffusers", "numpy", "peft", "torch", "torchaudio", "torchvision", "transformers"}
PLUGINS = [plugin.name for plugin in Catalog.discover().plugins]
SYSTEMS = sorted(Catalog.discover().systems)


def run(*steps: str, **environment: str) -> dict[str, set[str]]:
    """Run steps in one interpreter of their own; what is heavy of the modules loaded after each."""
    loaded = imported(*steps, **environment)
    return {step: found for step in steps if (found := HEAVY & loaded[step])}


def imported(*steps: str, **environment: str) -> dict[str, set[str]]:
    """The modules loaded after each step, in one interpreter of their own."""
    code = "".join(f"{step}\nloaded[{step!r}] = sorted(sys.modules)\n" for step in steps)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import json, sys; loaded = {{}}\n{code}sys.stderr.write(json.dumps(loaded))",
        ],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stderr.splitlines()[-1])
    return {step: set(loaded[step]) for step in steps}


def command(*arguments: str) -> str:
    return (
        "from nextgpt_registry.cli import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit as end: assert not end.code, end.code"
    )


def test_a_command_imports_nothing_heavy() -> None:
    listing = ("plugins", "list")

    assert not run(command("--help"), command(*listing), command(*listing, "--json"))


def test_planning_a_shipped_system_imports_nothing_heavy() -> None:
    assert SYSTEMS
    assert not run(*(command("plan", system) for system in SYSTEMS))


def test_a_declaration_imports_nothing_heavy() -> None:
    discover = "from nextgpt_registry import Catalog; Catalog.discover([{!r}])"

    assert PLUGINS
    assert not run(*(discover.format(name) for name in PLUGINS))


def test_importing_the_registry_reads_no_file_and_no_environment(tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    run("import nextgpt_registry", NEXTGPT_CACHE=str(cache))

    assert not cache.exists()


UNASKED = {"diffusers", "gguf", "tensorboard", "torchaudio", "torchmetrics", "torchvision"}
"""Modules that nothing needs before a part that asks for them is built."""


def test_the_core_brings_no_library_of_parts_and_no_plugin() -> None:
    step = "from nextgpt_core import Pipeline; Pipeline"

    found = imported(step)[step]

    assert not found & UNASKED
    plugins = {p.module.__name__.partition(".")[0] for p in Catalog.discover().plugins}
    assert not found & plugins
