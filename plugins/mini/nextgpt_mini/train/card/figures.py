"""Figures of evaluations as they are kept beside the model card, and held against fresh ones.

{suite: {"n", "directions": {name: {"n", metric: [value, low, high]}}, "perplexity": …,
         "distances": …, "goals_missed": […]}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any

_HEADS = {
    "right": "all right",
    "structure": "right media",
    "order": "right order",
    "concept": "right thing",
    "attributes": "colour, count, …",
    "said": "said",
    "false_media": "extra",
}
METRICS = tuple(_HEADS)
_Z = NormalDist().inv_cdf(0.975)

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
        for name in ("perplexity", "baseline", "distances", "judges", "goals_missed"):
            if report.get(name) is not None:
                own[name] = report[name]
        found[report["suite"]] = own
    return found


def off(card: Figures, report: Mapping[str, Any]) -> list[str]:
    """The figures of a fresh report whose interval does not meet the card's, each with both.

    Of many 95 % intervals some fail to meet by chance; they are widened so that all of them
    together meet in 95 of 100 evaluations of the same system (Bonferroni).
    """
    before = dict(_intervals(card[report["suite"]]))
    after = dict(_intervals(kept([report])[report["suite"]]))
    both = [name for name in after if name in before]
    z = NormalDist().inv_cdf(1 - 0.025 / max(len(both), 1))
    found = []
    for name in both:
        (_, low, high), (_, least, most) = (_widened(one[name], z) for one in (before, after))
        if least > high or most < low:
            told = f"the card says {_told(before[name])}, measured now {_told(after[name])}"
            found.append(f"{name}: {told}")
    return found


def _widened(figure: Sequence[float], z: float) -> tuple[float, float, float]:
    """A share's 95 % interval at another level; what is no share stays."""
    share, low, high = figure
    if not 0 <= low <= share <= high <= 1:
        return share, low, high
    least, most = 1e-9, 1e3
    for _ in range(100):  # z squared through the trials, which this width comes from
        spread = sqrt(least * most)
        _, start, end = _wilson(share, spread)
        least, most = (least, spread) if end - start > high - low else (spread, most)
    return _wilson(share, spread * (z / _Z) ** 2)


def _wilson(share: float, spread: float) -> tuple[float, float, float]:
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def table(own: Mapping[str, Any]) -> str:
    """The directions of one suite as a Markdown table, those that most went wrong in first.

    Columns that nothing fills are left out.
    """
    found = sorted(own["directions"].items(), key=lambda one: one[1].get("right", [1.0])[0])
    used = [m for m in METRICS if any(m in told for _, told in found)]
    head = ["direction", "n", *(_HEADS[m] for m in used)]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for name, told in found:
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
