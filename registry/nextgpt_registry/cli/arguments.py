"""Arguments that several commands have, and what a shell completes them with. Imports no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import NextGPTError


def systems(incomplete: str) -> list[str]:
    """Names of systems, and folders and YAML files, that begin so."""
    names: Iterable[str] = ()
    with contextlib.suppress(NextGPTError):
        names = Catalog.discover().systems
    return [name for name in names if name.startswith(incomplete)] + _files(incomplete)


def additions(incomplete: str) -> list[str]:
    """Names of additions, and folders and YAML files, that begin so."""
    names: Iterable[str] = ()
    with contextlib.suppress(NextGPTError):
        names = Catalog.discover().additions
    return [name for name in names if name.startswith(incomplete)] + _files(incomplete)


def plugins(incomplete: str) -> list[str]:
    """Names of installed plugins that begin so."""
    catalog = Catalog.discover()
    names = [*(plugin.name for plugin in catalog.plugins), *catalog.failures]
    return [name for name in names if name.startswith(incomplete)]


System = Annotated[
    str,
    typer.Argument(help="A system's name, a YAML file or a saved folder.", autocompletion=systems),
]
Plugin = Annotated[str, typer.Argument(help="The plugin's name.", autocompletion=plugins)]


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
