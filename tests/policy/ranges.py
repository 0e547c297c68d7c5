"""What the projects of this repository allow of other packages, and both ends of that.

As a script it prints constraints for pip: `lowest`, the oldest version of each package that they
allow, or `highest`, none but the pins that both have. Pinned are torch, of which a machine may have
one build only, and the tools of tests, which nothing of a system runs with.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECTS = (
    ROOT / "pyproject.toml",
    ROOT / "registry/pyproject.toml",
    *sorted(ROOT.glob("plugins/*/pyproject.toml")),
)
TOOLS = frozenset({"dev", "test", "testing"})
"""Extras that nothing of a system runs with."""
PINNED = frozenset({"torch"})

Ranges = Mapping[str, Mapping[str, SpecifierSet]]


def ranges(*, tools: bool = False) -> Ranges:
    """By package the range of each project that asks for it, for a system or as a tool."""
    found: dict[str, dict[str, SpecifierSet]] = {}
    for path in PROJECTS:
        for wanted in map(Requirement, _listed(path, tools)):
            if not wanted.name.startswith("nextgpt-"):
                own = found.setdefault(canonicalize_name(wanted.name), {})
                own[str(path.parent.relative_to(ROOT))] = wanted.specifier
    return found


def lowest(wanted: SpecifierSet) -> str | None:
    """The version that a range begins with."""
    return next((one.version for one in wanted if one.operator == ">="), None)


def pins() -> Mapping[str, str]:
    """What constraints.txt pins."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    named = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): version for name, version in named}


def constraints(end: str) -> Iterator[str]:
    """The lines that make pip take one end of all ranges."""
    system, pinned = ranges(), pins()
    for name in sorted((PINNED | ranges(tools=True).keys()) & pinned.keys()):
        if name in PINNED or name not in system:
            yield f"{name}=={pinned[name]}"
    if end == "lowest":
        for name in sorted(system.keys() - PINNED):
            yield f"{name}=={lowest(next(iter(system[name].values())))}"


def _listed(path: Path, tools: bool) -> Iterator[str]:
    project = tomllib.loads(path.read_text("utf-8"))["project"]
    if not tools:
        yield from project.get("dependencies", ())
    for extra, wanted in project.get("optional-dependencies", {}).items():
        if (extra in TOOLS) == tools:
            yield from wanted


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in constraints(sys.argv[1]))
