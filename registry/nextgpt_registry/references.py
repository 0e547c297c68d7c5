"""How far a config grows when its `${references}` are followed. Follows none of them for real.

Each is followed again wherever it stands, so that thirty lines of `b: ${a}${a}` would fill the
memory. What a document may come to is reckoned first, each key once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_Path = tuple[str, ...]

_REFERENCE = re.compile(r"\$\{\s*(?:oc\.(?:select|dict\.keys|dict\.values):\s*)?(\.*)([^{}$:,]*)")
_ALONE = re.compile(r"\$\{\s*(\.*)([^{}$:,.][^{}$:,]*)\}")
_NESTED = re.compile(r"\$\{[^{}:]*\$\{")
_STEP = re.compile(r"[^.\[\]]+")
_MOST = 10_000  # references followed
_LONGEST = 1_000_000  # characters of text
_DEEPEST = 64


def check_references(document: Any) -> None:
    """Raise for a document whose references lead to themselves, or make it large.

    Raises:
        ValueError: they do.
    """
    _Reckoning(document).of(())


def referred(document: Mapping[str, Any], path: _Path, value: Any) -> Any:
    """What a value at a path is, or leads to where it is one `${reference}` and nothing else."""
    for _ in range(_DEEPEST):
        alone = _ALONE.fullmatch(value) if isinstance(value, str) else None
        if alone is None:
            break
        path = _target(path, alone[1], alone[2])
        value = _at(document, path)
    return value


class _Reckoning:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._known: dict[_Path, tuple[int, int]] = {}
        self._open: set[_Path] = set()

    def of(self, path: _Path, depth: int = 0) -> tuple[int, int]:
        """(references followed, characters) of what stands at a path, with all it leads to."""
        if path in self._known:
            return self._known[path]
        if path in self._open:
            raise ValueError(f"{'.'.join(path)} refers to itself")
        if depth > _DEEPEST:
            raise ValueError(
                f"{'.'.join(path)}: more than {_DEEPEST} references lead to each other"
            )
        self._open.add(path)
        value = _at(self._document, path)
        followed, characters = 0, len(value) if isinstance(value, str) else 0
        for target, step in self._targets(path, value):
            more = self.of(target, depth + step)
            followed, characters = followed + more[0] + step, characters + more[1]
            if followed > _MOST or characters > _LONGEST:
                raise ValueError(f"{'.'.join(path)} grows too large when references are followed")
        self._open.remove(path)
        self._known[path] = followed, characters
        return followed, characters

    def _targets(self, path: _Path, value: Any) -> list[tuple[_Path, int]]:
        """Where a value leads: what it holds (0 references away), what it refers to (1)."""
        if isinstance(value, Mapping):
            return [((*path, str(key)), 0) for key in value]
        if isinstance(value, list | tuple):
            return [((*path, str(place)), 0) for place in range(len(value))]
        if not isinstance(value, str) or "${" not in value:
            return []
        if _NESTED.search(value):
            raise ValueError(f"{'.'.join(path)} has a reference inside of a reference")
        return [(_target(path, dots, name), 1) for dots, name in _REFERENCE.findall(value)]


def _target(path: _Path, dots: str, name: str) -> _Path:
    """Where a reference at a path leads: from the top, or from as many levels up as it has dots."""
    base = path[: len(path) - len(dots)] if dots else ()
    return (*base, *_STEP.findall(name.strip()))


def _at(document: Any, path: _Path) -> Any:
    """What stands there; None for nothing, which OmegaConf says better."""
    value = document
    for step in path:
        if isinstance(value, Mapping):
            value = {str(key): inner for key, inner in value.items()}.get(step)
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
