"""Figures of evaluations as they are kept beside the model card, and held against fresh ones.

{suite: {"n", "directions": {name: {"n", metric: [value, low, high]}}, "perplexity": …,
         "distances": …, "goals_missed": […]}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

METRICS = ("structure", "order", "concept", "attributes", "false_media")
_HEAD = ("direction", "n", "right media", "right order", "right thing", "colour, count, …", "extra")

Figures = dict[str, Any]


def kept(reports: Sequence[Mapping[str, Any]]) -> Figures:
    """What the card keeps of the reports of several suites."""
    found: Figures = {}
    for report in reports:
        directions = {
            name: {"n": told["n"], **{m: told[m] for m in METRICS if told.get(m) is not None}}
            for name, told in report["directions"].items()
        }
        own = {"n": report["n"], "directions": directions}
        for name in ("perplexity", "distances", "judges", "goals_missed"):
            if report.get(name) is not None:
                own[name] = report[name]
        found[report["suite"]] = own
    return found


def off(card: Figures, report: Mapping[str, Any]) -> list[str]:
    """The figures of a fresh report whose interval does not meet the card's, each with both."""
    before = dict(_intervals(card[report["suite"]]))
    after = dict(_intervals(kept([report])[report["suite"]]))
    return [
        f"{name}: the card says {_told(before[name])}, measured now {_told(value)}"
        for name, value in after.items()
        if name in before and (value[1] > before[name][2] or value[2] < before[name][1])
    ]


def table(own: Mapping[str, Any]) -> str:
    """The directions of one suite as a Markdown table; columns that nothing fills are left out."""
    used = [m for m in METRICS if any(m in told for told in own["directions"].values())]
    head = [_HEAD[0], _HEAD[1], *(_HEAD[2 + METRICS.index(m)] for m in used)]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for name, told in own["directions"].items():
        cells = [name, str(told["n"])]
        cells += [_told(told[m]) if m in told else "" for m in used]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _intervals(own: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[float]]]:
    for name, told in own.get("directions", {}).items():
        for metric in METRICS:
            if metric in told:
                yield f"{name}/{metric}", told[metric]
    if "perplexity" in own:
        yield "perplexity/ratio", own["perplexity"]["ratio"]


def _told(figure: Sequence[float]) -> str:
    value, low, high = figure
    return f"{value:.0%} ({100 * low:.0f}-{100 * high:.0f})"
