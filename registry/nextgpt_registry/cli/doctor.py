"""What `nextgpt plugins doctor` finds out. Works where torch is broken: asks it from outside."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.cli.commands import commands, summary
from nextgpt_registry.cli.tables import print_lines, print_table
from nextgpt_registry.errors import PluginError
from nextgpt_registry.loading import HOOKS, Plugin
from nextgpt_registry.outside import IMPORT_S, Outside, outside, quickest
from nextgpt_registry.specs import API
from nextgpt_registry.targets import locate, missing

_DISTS = (
    "nextgpt-registry",
    "nextgpt-core",
    "torch",
    "transformers",
    "diffusers",
    "peft",
    "pytest",
)
_ASK_TORCH = (
    "import time; t = time.perf_counter(); import torch; t = time.perf_counter() - t;"
    "print(torch.__version__, 'cuda' if torch.cuda.is_available() else 'cpu', f'{t:.1f} s')"
)


def examine() -> dict[str, Any]:
    """Everything worth knowing about this installation, as JSON; `problems` are to be mended."""
    catalog = Catalog.discover()
    torch, torch_works = _torch()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a process of its own
        names = [plugin.name for plugin in catalog.plugins]
        alone = dict(zip(names, pool.map(_alone, names), strict=True))
    problems = [str(error) for error in catalog.failures.values()]
    problems += [str(found) for found in alone.values() if isinstance(found, PluginError)]
    if not torch_works:
        problems.append(f"torch: {torch}")
    for plugin in catalog.plugins:
        problems += _problems(plugin, alone[plugin.name])
    problems += [
        f"command {name}: {summary(entry)}"
        for name, entry in commands().items()
        if summary(entry).startswith("(broken")
    ]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "executable": sys.executable,
        "api": API,
        "versions": {dist: _version(dist) for dist in _DISTS},
        "torch": torch,
        "plugins": {p.name: _told(p, alone[p.name]) for p in catalog.plugins},
        "hooks": {hook: [p.name for p in catalog.plugins if hook in p.hooks] for hook in HOOKS},
        "notes": [note for p in catalog.plugins for note in _notes(p, alone[p.name])],
        "problems": problems,
    }


def show(report: dict[str, Any]) -> None:
    """Print a report for people."""
    print_lines(
        f"python    {report['python']} ({report['executable']})",
        f"platform  {report['platform']}",
        f"API       {report['api']}",
        f"torch     {report['torch']}",
        *(f"{dist}  {found or 'not installed'}" for dist, found in report["versions"].items()),
    )
    print_table(
        "plugins, and the processor's time to import each alone, beyond the registry",
        ("plugin", "version", "distribution", "import"),
        [
            (name, told["version"], told["dist"], _milliseconds(told["import_s"]))
            for name, told in report["plugins"].items()
        ],
        right=("import",),
    )
    print_table(
        "hooks, in the order in which plugins are asked",
        ("hook", "plugins"),
        [(hook, ", ".join(names) or "-") for hook, names in report["hooks"].items()],
    )
    print_lines("", *(f"note: {note}" for note in report["notes"]))
    print_lines(*([f"problem: {problem}" for problem in report["problems"]] or ["all is well"]))


def _alone(name: str) -> Outside | PluginError:
    """What a process of its own finds, or why it does not."""
    try:
        first = outside(name)
        return replace(first, seconds=quickest(name, first))
    except PluginError as error:
        return error


def _problems(plugin: Plugin, alone: Outside | PluginError) -> list[str]:
    """Declarations that cannot be kept here, whatever the config."""
    heavy = alone.heavy if isinstance(alone, Outside) else plugin.heavy
    found = [f"{plugin.name}: its declaration imports {module}" for module in heavy]
    for component in (*plugin.manifest.encoders, *plugin.manifest.decoders):
        module = component.target.partition(":")[0]
        if locate(module) is None:
            found.append(f"{plugin.name}: {component.name}: there is no module {module}")
    return found


def _notes(plugin: Plugin, alone: Outside | PluginError) -> list[str]:
    """What would have to be installed first, or costs time."""
    found = [f"deprecated: {form}" for form in plugin.deprecated]
    if isinstance(alone, Outside) and alone.seconds > IMPORT_S:
        found.append(
            f"{plugin.name}: importing its declaration takes {alone.seconds:.2f} s, wanted at most "
            f"{IMPORT_S} s"
        )
    for component in (*plugin.manifest.encoders, *plugin.manifest.decoders):
        absent = missing(component.requires)
        if absent:
            found.append(f"{plugin.name}: {component.name} needs {', '.join(absent)}")
    return found


def _told(plugin: Plugin, alone: Outside | PluginError) -> dict[str, Any]:
    found = alone if isinstance(alone, Outside) else None
    return {
        "version": plugin.version,
        "dist": plugin.dist,
        "import_s": round(found.seconds, 4) if found else None,
        "heavy": list(found.heavy if found else plugin.heavy),
        "deprecated": [str(form) for form in plugin.deprecated],
    }


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f} ms"


def _torch() -> tuple[str, bool]:
    """What torch says of itself in a process of its own; absent is no fault, broken is."""
    if _version("torch") is None:
        return "not installed: plugins and plans work, nothing can be run", True
    asked = subprocess.run(
        [sys.executable, "-c", _ASK_TORCH], capture_output=True, text=True, timeout=300, check=False
    )
    if asked.returncode == 0:
        return asked.stdout.strip(), True
    last = (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
    return f"broken: {last}", False


def _version(dist: str) -> str | None:
    try:
        return version(dist)
    except PackageNotFoundError:
        return None
