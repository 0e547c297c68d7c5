"""Settings that may move: their files named by absolute paths. Does not look whether they exist.

Slashes are written forwards on every system: what is saved on one is read on another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from nextgpt_registry.config import Settings
from nextgpt_registry.paths import local_path

_S = TypeVar("_S", bound=Settings)
_PATHS = ("demo", "ablations")  # keys of a config that are a path and no source


def anchored(settings: _S, base: Path) -> _S:
    """The settings with `file:` sources, demo and ablations absolute, read as from `base`."""
    raw = _walk(settings.model_dump(mode="json", exclude_defaults=True), base)
    for name in _PATHS:
        if isinstance(raw.get(name), str):
            raw[name] = (base / raw[name]).absolute().as_posix()
    return type(settings).model_validate(raw)


def _walk(value: Any, base: Path) -> Any:
    if isinstance(value, dict):
        return {key: _walk(inner, base) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(inner, base) for inner in value]
    if isinstance(value, str) and value.startswith("file:"):
        path = local_path(value.removeprefix("file:"), who="file:")
        return f"file:{(base / path).absolute().as_posix()}"
    return value
