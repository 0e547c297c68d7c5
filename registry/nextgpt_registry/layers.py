"""Configs that extend one another, merged: what each says, and who said it. Reads no file.

Maps merge, lists and all else replace, `null` removes. What was said of one part is not true of
another: a component of another `name`, a projection of another `kind`, a stage or suite of another
`target` and a weight of another `source` take the place of the whole, and the pins of a language
model go with its `path`. A list of plugins whose entries begin with `+` adds to the one before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from nextgpt_registry.references import referred

SHORT = {
    "encoder": "name",
    "decoder": "name",
    "input_projection": "kind",
    "output_projection": "kind",
}
"""What the bare text in place of a component or projection is, by the key of a channel."""

_PINS = {"sha256", "bytes"}
_Path = tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """What one file says, or a dict."""

    origin: str
    said: Mapping[str, Any]


def flattened(layers: Sequence[Layer]) -> dict[str, Any]:
    """The nearest layer on the one that it extends, and so on."""
    first, *others = (lengthened(layer.said) for layer in reversed(layers))
    return reduce(lambda base, over: _merged(base, over, base, ()), others, dict(first))


def origin_of(layers: Sequence[Layer], path: str) -> str:
    """Who says what stands at a dotted path, or the most of the way there; '' of a single layer."""
    if len(layers) < 2:
        return ""
    return max(layers, key=lambda layer: _reach(layer.said, path)).origin


def lengthened(raw: Mapping[str, Any]) -> dict[str, Any]:
    """`encoder: clip-b` written out as `encoder: {name: clip-b}`, so that others reach in."""
    channels = raw.get("modalities")
    if not isinstance(channels, dict):
        return dict(raw)

    def longer(key: str, value: Any) -> Any:
        if key in SHORT and isinstance(value, str) and "${" not in value:
            return {SHORT[key]: value}
        return value

    longer_channels = {
        name: {k: longer(k, v) for k, v in channel.items()}
        if isinstance(channel, dict)
        else channel
        for name, channel in channels.items()
    }
    return {**raw, "modalities": longer_channels}


def with_plugins(first: Any, more: Any) -> Any:
    """The second list, or both where its entries begin with `+`; a plugin is named once."""
    if not isinstance(more, list | tuple) or not any(_adds(name) for name in more):
        return more
    found: dict[str, Any] = {}
    for requirement in (*(first if isinstance(first, list | tuple) else ()), *more):
        asked = requirement.removeprefix("+").strip() if _adds(requirement) else requirement
        name = plugin_name(asked)
        if name not in found or asked != name:  # a bare name keeps the versions
            found[name] = asked
    return list(found.values())


def plugin_name(requirement: Any) -> str:
    """`depth` of `+depth>=0.1`."""
    name = re.match(r"\+?\s*([\w.-]*)", str(requirement))
    assert name is not None
    return name.group(1)


def named_in(layers: Sequence[Layer], key: str) -> dict[str, None]:
    """The names of plugins, or of channels, that any of them says under a key, in order."""
    said = (layer.said.get(key) for layer in layers)
    named = (one for names in said if isinstance(names, list | tuple | Mapping) for one in names)
    return dict.fromkeys(map(plugin_name, named))


def _adds(requirement: Any) -> bool:
    return isinstance(requirement, str) and requirement.startswith("+")


def _merged(
    base: Mapping[str, Any], over: Mapping[str, Any], document: Mapping[str, Any], at: _Path
) -> dict[str, Any]:
    found = dict(base)
    for key, value in over.items():
        path, old = (*at, str(key)), base.get(key)
        if isinstance(value, Mapping):
            old = referred(document, path, old)
        if value is None and key in base:
            del found[key]
        elif path == ("plugins",):
            found[key] = with_plugins(old, value)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            found[key] = _merged(_kept(old, value, path), value, document, path)
        else:
            found[key] = value
    return found


def _kept(old: Mapping[str, Any], new: Mapping[str, Any], path: _Path) -> Mapping[str, Any]:
    """What is still true of the old entry at a path."""
    match path:
        case ("modalities", _, key) if key in SHORT:
            which = SHORT[key]
        case ("training" | "suites", _):
            which = "target"
        case ("weights", _) | ("modalities", _, "encoder" | "decoder", "weights", _):
            which = "source"
        case ("llm",):
            which = "path"
        case _:
            return old
    if new.get(which) in (None, old.get(which)):
        return old
    return {k: v for k, v in old.items() if k not in _PINS} if which == "path" else {}


def _reach(said: Any, path: str) -> int:
    """How many characters of a dotted path are there; names may have dots."""
    found = 0
    if isinstance(said, Mapping):
        for key, value in said.items():
            if path == key or path.startswith(f"{key}."):
                found = max(found, len(key) + _reach(value, path[len(key) + 1 :]))
    return found
