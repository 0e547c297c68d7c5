"""Arguments that several commands have, and what a shell completes them with. Imports no torch."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from nextgpt_registry.entrypoints import installed
from nextgpt_registry.hookspecs import ADDITIONS, ENTRY_POINTS, SYSTEMS


def systems(incomplete: str) -> list[str]:
    """Names of systems, and folders and YAML files, that begin so."""
    return _named(SYSTEMS, incomplete) + _files(incomplete)


def additions(incomplete: str) -> list[str]:
    """Names of additions, and folders and YAML files, that begin so."""
    return _named(ADDITIONS, incomplete) + _files(incomplete)


def plugins(incomplete: str) -> list[str]:
    """Names of installed plugins that begin so."""
    return _named(ENTRY_POINTS, incomplete)


System = Annotated[
    str,
    typer.Argument(help="A system's name, a YAML file or a saved folder.", autocompletion=systems),
]
Plugin = Annotated[str, typer.Argument(help="The plugin's name.", autocompletion=plugins)]


def _named(group: str, incomplete: str) -> list[str]:
    """The entry points of a group that begin so; no plugin is imported."""
    return [entry.name for entry in installed(group) if entry.name.startswith(incomplete)]


def _files(incomplete: str) -> list[str]:
    """Folders, with a slash, and YAML files; hidden ones where they are asked for."""
    inside = incomplete[: len(incomplete) - len(incomplete.rpartition("/")[2])]
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(Path(inside or ".").iterdir()):
            name = f"{inside}{path.name}{'/' * path.is_dir()}"
            wanted = path.is_dir() or path.suffix in (".yaml", ".yml")
            hidden = path.name.startswith(".") and incomplete == inside
            if wanted and not hidden and name.startswith(incomplete):
                found.append(name)
    return found
