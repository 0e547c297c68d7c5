"""What is text, and what only looks like it. Knows no tokenizer, and no config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nextgpt_registry.errors import RequestError


def half_character(value: Any) -> str:
    """Where the strings in JSON-like values hold half of a surrogate pair, in words; or ''.

    Text that was decoded wrongly has such halves. UTF-8 cannot write them, so neither tokenizers
    nor files take them.
    """
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            return f"half a character, {value[error.start]!a} at {error.start}"
    elif isinstance(value, Mapping):
        return next(filter(None, map(half_character, [*value, *value.values()])), "")
    elif isinstance(value, list | tuple | set | frozenset):
        return next(filter(None, map(half_character, value)), "")
    return ""


def check_text(value: Any, who: str = "text") -> None:
    """Hold that a string, or the strings in a mapping or list, can be written as UTF-8.

    Raises:
        RequestError: one holds half of a surrogate pair.
    """
    if half := half_character(value):
        fix = "decode it as what it is (UTF-8, or UTF-16 in pairs), or leave it out"
        raise RequestError(who, f"holds {half}", fix)
