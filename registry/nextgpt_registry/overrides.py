"""Dotted `key=value` overrides, applied to a config that was read. Does not check what they say."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from nextgpt_registry.config import Weight
from nextgpt_registry.documents import DEEPEST, yaml_of
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.layers import SHORT, with_plugins
from nextgpt_registry.paths import shortened
from nextgpt_registry.references import check_references

_LONGEST = 10_000


def apply(config: Any, override: str) -> None:
    """Change an OmegaConf config as `key.of.config=value` says.

    Raises:
        ConfigError: it cannot be read or applied.
    """
    from omegaconf import OmegaConf  # 60 ms

    shown = shortened(override)
    key, equals, text = override.partition("=")
    if not equals or not key or key != key.strip() or key.count(".") > DEEPEST:
        raise ConfigError(shown, "is no override", "write key.of.config=value")
    if key == "extends":
        raise ConfigError(shown, "overrides come after what is extended", "say it in the file")
    if len(override) > _LONGEST:
        raise ConfigError(shown, f"has {len(override):,} characters", "write it into a file")
    try:
        value = yaml_of(text)  # unresolved, so that an override may interpolate
        check_references(value)
    except ValueError as error:
        raise ConfigError(shown, f"its value cannot be read: {error}", "quote it") from error
    if key == "plugins":
        before: Any = OmegaConf.to_container(config)
        value = with_plugins(before.get(key), value)
    key = _with_dots(config, key)
    short = SHORT.get(key.rpartition(".")[2])
    renamed = short is not None and isinstance(value, str) and "${" not in value
    try:
        # Options belong to the component that is replaced, so they go with it.
        OmegaConf.update(
            config, key, {short: value} if renamed else value, merge=not renamed, force_add=True
        )
    except (AssertionError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigError(
            shown, f"cannot be applied: {error}", "check the key against the config"
        ) from error


def _with_dots(config: Any, key: str) -> str:
    """A key whose names may hold dots, as OmegaConf reads it: `weights[project.image].sha256`.

    A name that is there wins over its beginning; a new one under `weights` is all that is left.
    """
    if "[" in key or "]" in key:  # said as OmegaConf wants it
        return key
    first, *steps = key.split(".")
    said, place = first, _get(config, first, inside=bool(steps))
    while steps:
        length = next((n for n in range(len(steps), 1, -1) if ".".join(steps[:n]) in place), 1)
        if first == said == "weights" and ".".join(steps[:length]) not in place:
            length = len(steps) - (steps[-1] in Weight.model_fields) or 1
        name, steps = ".".join(steps[:length]), steps[length:]
        said += f"[{name}]" if "." in name else f".{name}"
        place = _get(place, name, inside=bool(steps))
    return said


def _get(place: Any, name: str, *, inside: bool) -> Mapping[str, Any]:
    """The mapping under a name, unresolved; an empty one where there is something else.

    Where the override reaches `inside` of a reference, a copy takes its place: what else refers to
    the same stays as it is.
    """
    from omegaconf import DictConfig

    held = place._get_node(name) if isinstance(place, DictConfig) else None
    if inside and held is not None and held._is_interpolation():
        shared = held._maybe_dereference_node()
        if isinstance(shared, DictConfig):
            place[name] = deepcopy(shared)
            held = place._get_node(name)
    return held if isinstance(held, DictConfig) and held._is_none() is False else {}
