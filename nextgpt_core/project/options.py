"""A projection's options, checked. The kinds themselves are declared in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from nextgpt_registry.config import Settings
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.explain import lines


def parse(
    where: str, kinds: Mapping[str, type[Settings]], kind: str, options: Mapping[str, Any]
) -> Settings:
    """The options of a kind, with its defaults.

    Raises:
        ConfigError: there is no such kind, or the options are not its own.
    """
    if kind not in kinds:
        raise ConfigError(where, f"there is no kind {kind!r}", f"choose from {', '.join(kinds)}")
    try:
        return kinds[kind].model_validate(dict(options))
    except ValidationError as error:
        known = ", ".join(kinds[kind].model_fields) or "none"
        raise ConfigError(
            f"{where}.options",
            f"do not fit:{lines(error, kinds[kind])}",
            f"options of {kind!r}: {known}",
        ) from error
