"""One table of all variants, as JSON and Markdown, and a picture where matplotlib is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

from nextgpt_core.evaluation.metrics import macro
from nextgpt_core.evaluation.scores import Result, rounded
from nextgpt_registry.content import replace_file

Figure = list[float] | None
"""[value, low, high], or None where nothing of the kind was asked for."""


def columns(results: Sequence[Result], wanted: Mapping[str, str]) -> dict[str, Figure]:
    """{column: figure} of "DIRECTION/METRIC" patterns, over all results of the directions."""
    found: dict[str, Figure] = {}
    for name, pattern in wanted.items():
        direction, _, metric = pattern.rpartition("/")
        values = [
            (f"{r.direction}/{r.group}", float(value))
            for r in results
            if not r.skipped
            and fnmatchcase(r.direction, direction)
            and (value := getattr(r, metric)) is not None
        ]
        found[name] = rounded(macro(values))
    return found


def write(rows: Sequence[Mapping[str, Any]], out: Path, *, title: str) -> tuple[Path, ...]:
    """`ablations.json`, `ablations.md` and perhaps `ablations.png`; returns what was written."""
    told = json.dumps(rows, indent=1) + "\n"
    paths = [
        replace_file(out / "ablations.json", told.encode()),
        replace_file(out / "ablations.md", markdown(rows, title=title).encode()),
    ]
    if find_spec("matplotlib") is not None:
        paths.append(_plot(rows, out / "ablations.png"))
    return tuple(paths)


def markdown(rows: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """The table as a page."""
    head, *body = cells(rows)
    unit = "Percent, with the 95 % interval; losses are those of dialogues kept from training."
    lines = [f"# {title}", "", unit, ""]
    lines += [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in body)]) + "\n"


def cells(rows: Sequence[Mapping[str, Any]], *, brief: bool = False) -> list[tuple[str, ...]]:
    """A head and a row for each variant, as text; a brief one has what fits a terminal."""
    figures = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    head = ("axis", "variant", *figures)
    found = [
        (row["axis"], row["variant"], *(_percent(row["figures"].get(name)) for name in figures))
        for row in rows
    ]
    if brief:
        return [head, *found]
    losses = list(dict.fromkeys(name for row in rows for name in row["validation"]))
    losses = [name for name in losses if name.count(".") == 1 and name != "validation.loss"]
    told = (f"{name.removeprefix('validation.')} loss" for name in losses)
    spent = [
        (
            *(_number(row["validation"].get(name)) for name in losses),
            str(row["steps"]),
            f"{row['minutes']:.1f}",
            str(row["prompts"]),
        )
        for row in rows
    ]
    rest = zip(found, spent, strict=True)
    return [(*head, *told, "steps", "minutes", "prompts"), *((*one, *more) for one, more in rest)]


def _percent(figure: Figure) -> str:
    if figure is None:
        return ""
    value, low, high = (round(100 * one) for one in figure)
    return f"{value} ({low}-{high})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _plot(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """A panel for each axis: the columns beside each other at each variant, with intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # only where it is installed
    from matplotlib.figure import Figure as Canvas

    axes = list(dict.fromkeys(row["axis"] for row in rows))
    columns = list(rows[0]["figures"])
    canvas = Canvas(figsize=(3.2 * len(axes), 3.6), layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(1, len(axes), squeeze=False, sharey=True)[0]
    for axis, panel in zip(axes, panels, strict=True):
        own = [row for row in rows if row["axis"] == axis]
        for n, name in enumerate(columns):
            aside = 0.12 * (n - (len(columns) - 1) / 2)
            shown = [(x + aside, f) for x, row in enumerate(own) if (f := row["figures"][name])]
            panel.errorbar(
                [x for x, _ in shown],
                [100 * f[0] for _, f in shown],
                yerr=[
                    [100 * (f[0] - f[1]) for _, f in shown],
                    [100 * (f[2] - f[0]) for _, f in shown],
                ],
                fmt="o",
                capsize=2,
                label=name,
            )
        panel.set(title=axis, ylim=(0, 105), xlim=(-0.5, len(own) - 0.5))
        names = [fill(row["variant"], 14) for row in own]
        panel.set_xticks(range(len(own)), names, fontsize="small")
    panels[0].set_ylabel("%")
    said = panels[0].get_legend_handles_labels()
    canvas.legend(*said, loc="outside lower center", ncols=len(columns), frameon=False)
    drawn = BytesIO()
    canvas.savefig(drawn, format="png", dpi=100)
    return replace_file(path, drawn.getvalue())
