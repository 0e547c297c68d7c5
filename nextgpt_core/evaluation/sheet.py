"""Every prompt with its answer on one HTML page, under the figures; failures come first.

Knows no modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nextgpt_core.evaluation.asking import Asked
from nextgpt_core.evaluation.confusion import concept_counts, plot
from nextgpt_core.evaluation.scores import JUDGED, METRICS, Result, confusions
from nextgpt_core.evaluation.shapes import COMPARED
from nextgpt_core.html import render
from nextgpt_registry.catalog import Catalog


def fragment(catalog: Catalog, asked: Asked) -> str:
    """What was asked and answered, as it stands on the sheet."""
    return render("asked.html", catalog=catalog, messages=asked.messages, answer=asked.answer)


def sheet(report: Mapping[str, Any], shown: Sequence[tuple[Result, str]]) -> str:
    """The page of an evaluation; each result with its `fragment`."""
    answered = [(result, html) for result, html in shown if not result.skipped]
    answered.sort(key=lambda one: one[0].right)
    results = [result for result, _ in answered]
    return render(
        "evaluation.html",
        title=f"{report['system']}: {report['suite']}",
        report=report,
        metrics=METRICS,
        judged=JUDGED,
        compared=COMPARED,
        percent=percent,
        against=against,
        beside=beside,
        plots={names: plot(counts) for names, counts in concept_counts(results).items()},
        confusions=confusions(results),
        shown=answered,
        wanted=_wanted,
        judgement=_judgement,
    )


def percent(figure: Sequence[float] | None) -> str:
    """`83 % (70-91)`, or a dot where nothing was asked for."""
    if figure is None:
        return "·"
    value, low, high = (round(100 * part) for part in figure)
    return f"{value} % ({low}-{high})"


def against(figure: Sequence[float] | None) -> str:
    """`0.93 (0.88-0.97)`, or a dot where there is nothing to compare with."""
    return "·" if figure is None else "{:.2f} ({:.2f}-{:.2f})".format(*figure)


def beside(ceiling: float | None) -> str:
    """` of 98.7 %`: what a flawless system would be given; empty where no judge is asked."""
    return "" if ceiling is None else f" of {ceiling:.1%}"


def _wanted(result: Result) -> str:
    return "; ".join(
        f"{kind} {' '.join(facts.values())}".strip()
        for kind, facts in zip(result.expected, result.wanted, strict=True)
    )


def _judgement(result: Result) -> str:
    return "; ".join(
        "nothing" if facts is None else " ".join(facts.values()) for facts in result.judged
    )
