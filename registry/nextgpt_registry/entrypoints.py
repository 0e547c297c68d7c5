"""The installed entry points of one group, without importing any. Does not know what they are.

Read one distribution at a time: an unreadable one must not hide the others, which
`importlib.metadata.entry_points` cannot promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from nextgpt_registry.errors import PluginError
from nextgpt_registry.targets import blamed


@dataclass(frozen=True)
class Installed:
    """One entry point, or the reason (`broken`) why it cannot even be read."""

    name: str
    target: str
    dist: str
    version: str
    broken: PluginError | None = None


def installed(group: str) -> tuple[Installed, ...]:
    """All entry points of a group, sorted by name; of one distribution only the first on the path.

    Two of one name are both broken, each naming the other.
    """
    found = sorted(_read_all(group), key=lambda entry: (entry.name, entry.dist))
    names = [entry.name for entry in found]
    return tuple(
        entry if names.count(entry.name) == 1 else _clashing(entry, found) for entry in found
    )


def _read_all(group: str) -> Iterator[Installed]:
    seen = set()
    for dist in distributions():
        try:
            text = dist.read_text("entry_points.txt") or ""
        except (OSError, UnicodeError):
            continue
        if group not in text:
            continue
        name, version = _named(dist)
        if name.lower() in seen and name != "unnamed":
            continue
        seen.add(name.lower())
        yield from _read(dist, name, version, group)


def _read(dist: Distribution, name: str, version: str, group: str) -> Iterator[Installed]:
    try:
        with blamed(name):
            points: list[EntryPoint] = list(dist.entry_points.select(group=group))
    except PluginError as error:
        yield Installed(name, "", name, version, error)
        return
    for point in points:
        yield Installed(point.name, point.value, name, version)


def _named(dist: Distribution) -> tuple[str, str]:
    try:
        return dist.metadata["Name"] or "unnamed", dist.metadata["Version"] or "0"
    except (KeyError, OSError, UnicodeError, TypeError):  # damaged, or no METADATA at all
        return "unnamed", "0"


def _clashing(entry: Installed, found: list[Installed]) -> Installed:
    dists = [other.dist for other in found if other.name == entry.name]
    clash = PluginError(
        entry.name,
        f"is the name of {len(dists)} installed entry points, of {' and '.join(dists)}",
        "uninstall one of them",
    )
    return Installed(entry.name, entry.target, entry.dist, entry.version, clash)
