"""Settings that may move: their files named so that it makes no difference where they are read.

What lies in the package of an installed plugin is named by its distribution, all else by an
absolute path; a tag or branch by the commit that it is held at. Does not look whether files exist.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from nextgpt_registry.config import Settings
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.fetch.revisions import pinned
from nextgpt_registry.fetch.sources import fetch
from nextgpt_registry.hookspecs import ENTRY_POINTS
from nextgpt_registry.paths import local_path
from nextgpt_registry.references import referred
from nextgpt_registry.targets import locate

_S = TypeVar("_S", bound=Settings)
_FILE, _PACKAGE = "file:", "package:"
_PATHS = ("demo", "ablations", "benchmark")  # keys of a config that are a path and no source


def anchored(settings: _S, base: Path) -> _S:
    """The settings, read as from the folder `base`, with sources and paths that hold anywhere."""
    raw = settings.model_dump(mode="json", exclude_defaults=True)
    return type(settings).model_validate(_anchored(raw, base, _PATHS, pin=True))


def anchored_file(raw: dict[str, Any], base: Path) -> dict[str, Any]:
    """The same of what a file in the folder `base` says, its lock too."""
    return _anchored(raw, base, (*_PATHS, "lock"))


def beside(base: Path, told: str) -> Path:
    """The path that a config's key such as `demo` names, the config being in the folder `base`.

    Raises:
        SourceError: it is in no distribution that is installed.
    """
    return fetch(told, sha256=None) if told.startswith(_PACKAGE) else base / told


def _anchored(
    raw: dict[str, Any], base: Path, paths: tuple[str, ...], *, pin: bool = False
) -> dict[str, Any]:
    packages = _packages()

    def named(told: str) -> str:
        """The source of a file: that of a plugin's package where it lies in one."""
        path = Path(os.path.abspath(base / told))
        for folder, dist in packages.items():
            if path.is_relative_to(folder):
                return f"{_PACKAGE}{dist}/{path.relative_to(folder.parent).as_posix()}"
        return f"{_FILE}{path}"

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [walk(inner) for inner in value]
        if isinstance(value, str) and value.startswith(_FILE):
            told = value.removeprefix(_FILE)
            if told.startswith("${"):  # a folder, which may be absolute
                head = referred(raw, (), told[: told.find("}") + 1])
                return value if os.path.isabs(str(head)) else f"{_FILE}{base}/{told}"
            return named(str(local_path(told, who=_FILE)))
        return pinned(value) if pin and isinstance(value, str) else value

    found: dict[str, Any] = walk(raw)
    for name in paths:
        if isinstance(told := raw.get(name), str) and not told.startswith(_PACKAGE):
            found[name] = named(told).removeprefix(_FILE)
    return found


def _packages() -> dict[Path, str]:
    """The folders of the packages that declare plugins, each with its distribution."""
    found = {}
    for entry in installed(ENTRY_POINTS):
        spec = locate(entry.target.partition(":")[0].partition(".")[0]) if entry.target else None
        for folder in (spec and spec.submodule_search_locations) or ():
            found[Path(folder)] = entry.dist
    return found
