"""Whether an answer says what it must, and nothing that it must not. Knows no grammar.

A phrase is whole words, in any case and spacing; `draw*` is any word that begins so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache


def unsaid(text: str, says: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The groups of phrases none of which stands in a text, each as `one | or another`."""
    return tuple(" | ".join(group) for group in says if not stated(text, group))


def stated(text: str, phrases: Iterable[str]) -> tuple[str, ...]:
    """Those of the phrases that stand in a text."""
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return tuple(phrase for phrase in phrases if _pattern(phrase).search(plain))


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    words = [re.escape(word.rstrip("*")) + r"\w*" * word.endswith("*") for word in phrase.split()]
    return re.compile(r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)", re.IGNORECASE)
