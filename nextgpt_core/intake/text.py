"""Hold that what should be text is text. Knows no tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nextgpt_registry.errors import RequestError
from nextgpt_registry.text import half_character


def check_text(value: Any, who: str = "text") -> None:
    """Hold that a string, or the strings in a mapping or list, can be written as UTF-8.

    Raises:
        RequestError: one holds half of a surrogate pair.
    """
    if half := half_character(value):
        fix = "decode it as what it is (UTF-8, or UTF-16 in pairs), or leave it out"
        raise RequestError(who, f"holds {half}", fix)


def check_ids(ids: Sequence[int], *, rows: int) -> None:
    """Hold that the ids of a text have rows in the embedding: those behind them are signals.

    Raises:
        RequestError: one has none.
    """
    if (last := max(ids, default=0)) >= rows:
        raise RequestError(
            "text",
            f"holds the token {last}, and the model has rows for {rows}",
            "leave it out of the text, or of the chat template",
        )
