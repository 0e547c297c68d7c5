"""Figures held against the goals of a suite. Measures nothing.

A goal is met or missed by the value itself: an interval says how sure that is, and excuses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from nextgpt_registry.suites import AtMost


def held(
    figures: Mapping[str, Mapping[str, Any]],
    goals: Mapping[str, float | AtMost],
    metrics: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """{"DIRECTION/METRIC": {"at", "goal", "value", "low", "high", "met"}}, where there is a value.

    The last goal whose pattern fits counts; `at` is `least` or `most`.
    """
    found = {}
    for direction, measured in figures.items():
        for metric in metrics:
            name, figure = f"{direction}/{metric}", measured.get(metric)
            fitting = [goal for pattern, goal in goals.items() if fnmatchcase(name, pattern)]
            if fitting and figure is not None:
                found[name] = _held(fitting[-1], figure)
    return found


def _held(goal: float | AtMost, figure: Sequence[float]) -> dict[str, Any]:
    value, low, high = figure
    most = isinstance(goal, AtMost)
    wanted = goal.value if isinstance(goal, AtMost) else goal
    return {
        "at": "most" if most else "least",
        "goal": wanted,
        "value": value,
        "low": low,
        "high": high,
        "met": value <= wanted if most else value >= wanted,
    }
