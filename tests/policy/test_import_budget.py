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
    return {step: found for step in steps if (found := HEAVY & set(loaded[step]))}


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
