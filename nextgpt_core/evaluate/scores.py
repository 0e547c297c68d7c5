"""From results of single prompts to the figures of a report. Reads and asks nothing.

The report is what `nextgpt eval --json` prints:

    {"system", "suite", "n", "skipped": {direction: why},
     "directions": {direction: {"n", "structure", "coverage", "concept", "attributes", "facts", …}},
     "judges": {kind: {fact: ceiling}}, "goals": {…}, "goals_missed": […]}

A figure is [value, low, high], or null where nothing of the kind was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from pydantic import BaseModel, ConfigDict

from nextgpt_core.evaluate.metrics import Interval, macro
from nextgpt_registry.suites import Suite

METRICS = ("structure", "coverage", "concept", "attributes")


class Result(BaseModel):
    """What one prompt came to; one line of `results.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    direction: str
    group: str  # the concept, or the id where there is none
    expected: tuple[str, ...]  # kinds
    found: tuple[str, ...]
    wanted: tuple[dict[str, str], ...] = ()  # facts of each thing expected
    told: tuple[dict[str, str] | None, ...] = ()  # what the judges found in it
    structure: bool = False
    coverage: float = 0.0
    order: bool | None = None  # None where fewer than two media were wanted
    concept: bool | None = None
    attributes: bool | None = None
    text: str = ""
    seconds: float = 0.0
    error: str = ""  # why nothing was answered, or a medium failed
    skipped: str = ""  # why this system cannot be asked


def report(
    results: Sequence[Result], suite: Suite, *, system: str, ceilings: Mapping[str, Any]
) -> dict[str, Any]:
    """All figures of an evaluation."""
    asked = [result for result in results if not result.skipped]
    by_direction: dict[str, list[Result]] = {}
    for result in asked:
        by_direction.setdefault(result.direction, []).append(result)
    directions = {name: _direction(group) for name, group in sorted(by_direction.items())}
    goals = _goals(directions, suite.goals)
    return {
        "system": system,
        "suite": suite.name,
        "n": len(asked),
        "skipped": {r.direction: r.skipped for r in results if r.skipped},
        "directions": directions,
        "judges": dict(ceilings),
        "goals": goals,
        "goals_missed": [name for name, goal in goals.items() if not goal["met"]],
    }


def confusions(results: Iterable[Result], *, most: int = 20) -> list[tuple[str, str, str, int]]:
    """(fact, wanted, told, how often) of what the judges found instead, most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for result in results:
        for wanted, told in zip(result.wanted, result.told, strict=True):
            if told is None:
                continue
            for fact, value in wanted.items():
                if told.get(fact) != value:
                    counts[fact, value, told.get(fact, "nothing")] += 1
    return [(*names, count) for names, count in counts.most_common(most)]


def _direction(results: Sequence[Result]) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(results)}
    for metric in METRICS:
        found[metric] = _figure(results, metric)
    if any(result.order is not None for result in results):
        found["order"] = _figure(results, "order")
    found["facts"] = _facts(results)
    failed = sum(bool(result.error) for result in results)
    if failed:
        found["errors"] = failed
    found["seconds"] = round(sum(result.seconds for result in results) / len(results), 2)
    return found


def _figure(results: Sequence[Result], metric: str) -> list[float] | None:
    values = [(r.group, float(v)) for r in results if (v := getattr(r, metric)) is not None]
    return _rounded(macro(values))


def _facts(results: Sequence[Result]) -> dict[str, list[float] | None]:
    """Each fact by itself: how often it was right, of those asked for."""
    values: dict[str, list[tuple[str, float]]] = {}
    for result in results:
        for wanted, told in zip(result.wanted, result.told, strict=True):
            for fact, value in wanted.items():
                right = (told or {}).get(fact) == value
                values.setdefault(fact, []).append((result.group, float(right)))
    return {fact: _rounded(macro(found)) for fact, found in sorted(values.items())}


def _goals(
    directions: Mapping[str, Mapping[str, Any]], goals: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """{"DIRECTION/METRIC": {"goal", "value", "high", "met"}}; the last pattern that fits counts.

    A goal is missed where even the upper end of the interval lies below it.
    """
    found = {}
    for direction, figures in directions.items():
        for metric in (*METRICS, "order"):
            name, figure = f"{direction}/{metric}", figures.get(metric)
            fitting = [least for pattern, least in goals.items() if fnmatchcase(name, pattern)]
            if fitting and figure:
                least = fitting[-1]
                found[name] = {
                    "goal": least,
                    "value": figure[0],
                    "high": figure[2],
                    "met": figure[2] >= least,
                }
    return found


def _rounded(figure: Interval | None) -> list[float] | None:
    return None if figure is None else [round(value, 4) for value in figure]
