"""Which concept was taken for which, drawn as SVG: one square for each kind. Scores nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

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


def plot(counts: Counts) -> str:
    """(wanted, found) -> an `<svg>`: rows are wanted, columns found, both in alphabetical order.

    The darker a cell, the larger its share of its row; a cell's number is shown beneath the
    pointer.
    """
    wanted = sorted({row for row, _ in counts})
    found = sorted({*wanted, *(column for _, column in counts)}, key=lambda n: (n == NOTHING, n))
    totals: Counter[str] = Counter()
    for (row, _), count in counts.items():
        totals[row] += count
    rows = {name: n for n, name in enumerate(wanted)}
    columns = {name: n for n, name in enumerate(found)}
    cells = "".join(
        f'<rect x="{columns[column] * _CELL}" y="{rows[row] * _CELL}" width="{_CELL}" '
        f'height="{_CELL}" fill="{"#2a7" if row == column else "#c33"}" '
        f'fill-opacity="{0.15 + 0.85 * count / totals[row]:.2f}">'
        f"<title>{escape(row)}: {escape(column)}, {count} of {totals[row]}</title></rect>"
        for (row, column), count in sorted(counts.items())
    )
    names = "".join(
        f'<text x="-4" y="{(n + 0.8) * _CELL}" text-anchor="end">{escape(name)}</text>'
        for name, n in rows.items()
    ) + "".join(
        f'<text transform="translate({(n + 0.8) * _CELL},-4) rotate(-90)">{escape(name)}</text>'
        for name, n in columns.items()
    )
    width, height = len(found) * _CELL, len(wanted) * _CELL
    frame = f'<rect width="{width}" height="{height}" fill="none" stroke="#ccc"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + _MARGIN + 2}" '
        f'height="{height + _MARGIN + 2}" font-size="9" font-family="sans-serif" role="img">'
        f'<g transform="translate({_MARGIN},{_MARGIN})">{frame}{cells}{names}</g></svg>'
    )
