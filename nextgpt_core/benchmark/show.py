"""A benchmark as a table, a page, a picture and JSON. Measures nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextgpt_core.benchmark.goals import Most
from nextgpt_core.benchmark.result import Benchmark, Row
from nextgpt_core.html import render
from nextgpt_registry.content import replace_file

HEAD = ("figure", "what", "ours", "other", "ratio", "goal", "")
BUSY = 0.2
"""Cores kept busy by others, from which on figures are in doubt."""

_SAID = {True: "reached", False: "missed", None: ""}
_INK = {True: "#2a9d8f", False: "#c8553d", None: "#5b7083"}
_LEFT, _WIDE, _LINE = 340, 400, 26  # pixels: names, bars, a row


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A line of the table for each row, under `HEAD`."""
    return [
        (
            row.figure.name,
            f"{row.figure.what}: {row.figure.ours}, against {row.figure.other}",
            f"{row.ours:.4g} {row.figure.unit}",
            f"{row.other:.4g} {row.figure.unit}",
            f"{_times(row.ratio)} ({row.spread[0]:.3g}-{row.spread[1]:.3g})",
            _goal(row),
            _SAID[row.reached],
        )
        for row in rows
    ]


def words(machine: dict[str, Any]) -> tuple[str, str]:
    """A machine in two lines."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB; "
        f"others kept {machine['others']:g} cores busy",
        f"model on {machine['device']}, {machine['threads']} threads, torch {machine['torch']}, "
        f"transformers {machine['transformers']}, Python {machine['python']}, {machine['system']}",
    )


def write(found: Benchmark, folder: Path) -> tuple[Path, ...]:
    """`benchmark.json`, `benchmark.md` and `benchmark.svg`; returns all three."""
    told = json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n"
    written = {"json": told, "md": markdown(found), "svg": picture(found)}
    return tuple(
        replace_file(folder / f"benchmark.{suffix}", text.encode())
        for suffix, text in written.items()
    )


def markdown(found: Benchmark) -> str:
    """The table and the machine as a page, with the picture beside it."""
    title = f"How fast {found.system} is"
    lines = [f"# {title}", "", f"![{title}](benchmark.svg)", "", *words(found.machine), ""]
    rows = [HEAD, ("---",) * len(HEAD), *cells(found.rows)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += [f"\nLeft out: {name} ({why})." for name, why in found.left_out.items()]
    return "\n".join(lines) + "\n"


def picture(found: Benchmark) -> str:
    """An SVG: a bar for each ratio from 1 on, on a scale of doublings, with spread and goal."""
    marks = [mark for row in found.rows for mark in (row.ratio, *row.spread, _mark(row) or 1.0)]
    low, high = (round_(math.log2(edge(marks, default=1.0))) for round_, edge in _EDGES)
    low, high = min(low, -1), max(high, 1)

    def x(ratio: float) -> float:
        return round(_LEFT + _WIDE * (math.log2(ratio) - low) / (high - low), 1)

    bars = [
        {
            "what": row.figure.what,
            "against": f"{row.figure.ours}, against {row.figure.other}",
            "ratio": f"{_times(row.ratio)} {row.figure.unit}",
            "from": min(x(1), x(row.ratio)),
            "wide": round(abs(x(row.ratio) - x(1)), 1),
            "spread": [x(one) for one in row.spread],
            "goal": (mark := _mark(row)) and x(mark),
            "ink": _INK[row.reached],
        }
        for row in found.rows
    ]
    return render(
        "benchmark.svg",
        title=f"{found.system}: ours over the other's; more tokens/s, fewer s and MB are better",
        machine=words(found.machine),
        bars=bars,
        ticks=[(x(2.0**power), _times(2.0**power)) for power in range(low, high + 1)],
        wide=_LEFT + _WIDE + 140,
        line=_LINE,
    )


_EDGES = ((math.floor, min), (math.ceil, max))


def _times(ratio: float) -> str:
    return f"{ratio:.3g}x"


def _mark(row: Row) -> float | None:
    return row.goal.most if isinstance(row.goal, Most) else row.goal


def _goal(row: Row) -> str:
    mark = _mark(row)
    return "" if mark is None else f"{'<=' if isinstance(row.goal, Most) else '>='} {mark:g}x"
