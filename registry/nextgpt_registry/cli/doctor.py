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
    "mps = torch.backends.mps.is_available();"
    "device = 'cuda' if torch.cuda.is_available() else 'mps' if mps else 'cpu';"
    "print(torch.__version__, device, f'{t:.1f} s')"
)


def examine() -> dict[str, Any]:
    """Everything worth knowing about this installation, as JSON; `problems` are to be mended."""
    catalog = Catalog.discover()
    torch, torch_works = _torch()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a process of its own
        measured = list(pool.map(_alone, catalog.plugins))
    alone = {
        plugin.name: found for plugin, (found, _) in zip(catalog.plugins, measured, strict=True)
    }
    problems = [str(error) for error in catalog.failures.values()]
    problems += [problem for _, problem in measured if problem]
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
            (name, told["version"], told["dist"], f"{1000 * told['import_s']:.0f} ms")
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


def _alone(plugin: Plugin) -> tuple[Outside, str]:
    """What a process of its own finds; where it fails, what was found here, and why."""
    try:
        first = outside(plugin.name)
        return replace(first, seconds=quickest(plugin.name, first)), ""
    except PluginError as error:
        return Outside(plugin.import_s, "", plugin.heavy), str(error)


def _problems(plugin: Plugin, alone: Outside) -> list[str]:
    """Declarations that cannot be kept here, whatever the config."""
    found = [f"{plugin.name}: its declaration imports {module}" for module in alone.heavy]
    manifest = plugin.manifest
    targets = [(one.name, one.target) for one in (*manifest.encoders, *manifest.decoders)]
    targets += [(one.name, one.target) for one in manifest.projections]
    for name, target in targets:
        module = target.partition(":")[0]
        if locate(module) is None:
            found.append(f"{plugin.name}: {name}: there is no module {module}")
    return found


def _notes(plugin: Plugin, alone: Outside) -> list[str]:
    """What would have to be installed first, or costs time."""
    found = [f"deprecated: {form}" for form in plugin.deprecated]
    if alone.seconds > IMPORT_S:
        found.append(
            f"{plugin.name}: importing its declaration takes {alone.seconds:.2f} s, wanted at most "
            f"{IMPORT_S} s"
        )
    for component in (*plugin.manifest.encoders, *plugin.manifest.decoders):
        absent = missing(component.requires)
        if absent:
            found.append(f"{plugin.name}: {component.name} needs {', '.join(absent)}")
    return found


def _told(plugin: Plugin, alone: Outside) -> dict[str, Any]:
    return {
        "version": plugin.version,
        "dist": plugin.dist,
        "import_s": round(alone.seconds, 4),
        "heavy": list(alone.heavy),
        "deprecated": [str(form) for form in plugin.deprecated],
    }


def _torch() -> tuple[str, bool]:
    """What torch says of itself in a process of its own; absent is no fault, broken is."""
    if _version("torch") is None:
        return "not installed: plugins and plans work, nothing can be run", True
    asked = subprocess.run(
        [sys.executable, "-c", _ASK_TORCH],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
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
