"""What answers in words look like, beside those of the bare language model. Reads no meaning."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from nextgpt_core.evaluation.metrics import Interval, bootstrap

Pair = tuple[str, str]
"""The answers of a system and of its bare language model to one prompt."""

COMPARED = ("length", "lists", "code", "loops")

_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_RUN, _OFTEN = 6, 3


def length(text: str) -> int:
    """The number of words."""
    return len(text.split())


def lists(text: str) -> bool:
    """Whether at least two lines are items of a list."""
    return len(_ITEM.findall(text)) >= 2


def code(text: str) -> bool:
    """Whether there is a fenced block of code."""
    return "```" in text


def loops(text: str) -> bool:
    """Whether six words in a row stand there three times."""
    words = text.lower().split()
    runs = Counter(tuple(words[n : n + _RUN]) for n in range(len(words) - _RUN + 1))
    return max(runs.values(), default=0) >= _OFTEN


def comparison(pairs: Sequence[Pair]) -> dict[str, Any]:
    """{"n", "length", "lists", "code", "loops", "system", "base"} over prompts both were asked.

    `length`, `lists` and `code` are ratios of means, the system's to the base's (None where the
    base has none), `loops` is the difference of the shares: each [value, low, high], a 95 %
    interval by bootstrap over prompts. `system` and `base` hold the means themselves.
    """
    if not pairs:
        return {}
    compared: dict[str, Callable[[Sequence[Pair]], float | None]] = {
        "length": partial(_ratio, length),
        "lists": partial(_ratio, lists),
        "code": partial(_ratio, code),
        "loops": partial(_difference, loops),
    }
    figures = {name: bootstrap(statistic, pairs) for name, statistic in compared.items()}
    return {
        "n": len(pairs),
        **{name: _rounded(figure) for name, figure in figures.items()},
        **{side: _means([pair[n] for pair in pairs]) for n, side in enumerate(("system", "base"))},
    }


def _means(texts: Sequence[str]) -> dict[str, float]:
    shapes: tuple[Callable[[str], float], ...] = (length, lists, code, loops)
    return {
        name: round(fmean(map(shape, texts)), 4)
        for name, shape in zip(COMPARED, shapes, strict=True)
    }


def _ratio(shape: Callable[[str], float], pairs: Sequence[Pair]) -> float | None:
    base = sum(shape(theirs) for _, theirs in pairs)
    return sum(shape(ours) for ours, _ in pairs) / base if base else None


def _difference(shape: Callable[[str], float], pairs: Sequence[Pair]) -> float:
    return fmean(shape(ours) - shape(theirs) for ours, theirs in pairs)


def _rounded(figure: Interval | None) -> list[float] | None:
    return None if figure is None else [round(value, 4) for value in figure]
