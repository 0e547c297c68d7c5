"""Which concept was taken for which, one square for each kind. Scores nothing, draws nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from nextgpt_core.evaluation.scores import Result

NOTHING = "nothing"
"""What was found where nothing was made, or nothing known was seen in it."""

Counts = Counter[tuple[str, str]]

_CELL, _MARGIN = 11, 96  # pixels


def concept_counts(results: Iterable[Result]) -> dict[tuple[str, str], Counts]:
    """{(kind, fact): {(wanted, found): how often}} over the concepts wanted."""
    found: dict[tuple[str, str], Counts] = {}
    for result in results:
        rows = zip(result.expected, result.wanted, result.concepts, result.judged, strict=True)
        for kind, wanted, concept, told in rows:
            if concept in wanted:
                seen = (told or {}).get(concept, NOTHING)
                found.setdefault((kind, concept), Counter())[wanted[concept], seen] += 1
    return found


def plot(counts: Counts) -> dict[str, Any]:
    """(wanted, found) -> what `confusion.svg` draws: rows are wanted, columns found, by alphabet.

    The darker a square, the larger its share of its row; its number is shown beneath the pointer.
    """
    wanted = sorted({row for row, _ in counts})
    found = sorted({*wanted, *(column for _, column in counts)}, key=lambda n: (n == NOTHING, n))
    totals: Counter[str] = Counter()
    for (row, _), count in counts.items():
        totals[row] += count
    squares = [
        {
            "x": found.index(column) * _CELL,
            "y": wanted.index(row) * _CELL,
            "fill": "#2a7" if row == column else "#c33",
            "opacity": 0.15 + 0.85 * count / totals[row],
            "words": f"{row}: {column}, {count} of {totals[row]}",
        }
        for (row, column), count in sorted(counts.items())
    ]
    return {
        "cell": _CELL,
        "margin": _MARGIN,
        "width": len(found) * _CELL,
        "height": len(wanted) * _CELL,
        "squares": squares,
        "wanted": wanted,
        "found": found,
    }
