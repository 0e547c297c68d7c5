"""From results of single prompts to the figures of a report. Reads and asks nothing.

The report is what `nextgpt eval --json` prints:

    {"system", "suite", "n", "skipped": {direction: why},
     "directions": {direction: {"n", "right", "structure", "coverage", "order", "concept",
                                "attributes", "said", "false_media", "facts", "ceiling", …}},
     "baseline": {…}, "judges": {kind: {fact: ceiling}}, "goals": {…}, "goals_missed": […]}

A figure is [value, low, high], or null where nothing of the kind was asked for. A ceiling is what
a system that makes no mistake would be given by judges that make theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from nextgpt_core.evaluation.goals import held
from nextgpt_core.evaluation.metrics import Interval, macro
from nextgpt_core.evaluation.shapes import COMPARED, comparison
from nextgpt_registry.suites import Suite

METRICS = (
    "right",
    "structure",
    "coverage",
    "order",
    "concept",
    "attributes",
    "said",
    "false_media",
)
JUDGED = ("concept", "attributes")
"""The metrics that rest on judges, and so have a ceiling."""

Ceilings = Mapping[str, Mapping[str, Any]]
"""By kind and fact: the share that its judge gets right."""


class Result(BaseModel):
    """What one prompt came to; one line of `results.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    direction: str
    group: str  # family or concept, or the id where there is neither
    expected: tuple[str, ...]  # kinds
    kinds: tuple[str, ...]  # those that came
    wanted: tuple[dict[str, str], ...] = ()  # facts of each thing expected
    concepts: tuple[str, ...]  # which fact of each is its concept
    judged: tuple[dict[str, str] | None, ...] = ()  # the facts that its judges saw in each
    structure: bool = False
    coverage: float = 0.0
    order: bool | None = None  # None where fewer than two media were wanted
    concept: bool | None = None
    attributes: bool | None = None
    said: bool | None = None  # None where nothing must, or must not, be said
    unsaid: tuple[str, ...] = ()  # what should have been said
    unwanted: tuple[str, ...] = ()  # what should not have been
    false_media: bool = False
    text: str = ""
    bare: str | None = None  # what the bare language model answers, where it is asked
    media: tuple[str, ...] = ()  # of the answer, in order: files in `media/`
    seconds: float = 0.0
    error: str = ""  # why nothing was answered, or a medium failed
    skipped: str = ""  # why this system cannot be asked

    @property
    def right(self) -> bool:
        """Whether nothing of it is wrong: media, their order, facts and what is said."""
        judged = (self.order, self.concept, self.attributes, self.said)
        return self.structure and False not in judged and not self.error


def report(
    results: Sequence[Result],
    suite: Suite,
    *,
    system: str,
    ceilings: Ceilings,
    perplexity: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All figures of an evaluation; those of `perplexity` are taken elsewhere."""
    asked = [result for result in results if not result.skipped]
    by_direction: dict[str, list[Result]] = {}
    for result in asked:
        by_direction.setdefault(result.direction, []).append(result)
    directions = {name: _direction(group, ceilings) for name, group in sorted(by_direction.items())}
    beside = comparison([(r.text, r.bare) for r in asked if r.bare is not None])
    more = {
        name: dict(found)
        for name, found in (("perplexity", perplexity), ("baseline", beside))
        if found
    }
    goals = held({**directions, **more}, suite.goals, (*METRICS, "ratio", *COMPARED))
    return {
        "system": system,
        "suite": suite.name,
        "n": len(asked),
        "skipped": {r.direction: r.skipped for r in results if r.skipped},
        "directions": directions,
        **more,
        "judges": {kind: dict(facts) for kind, facts in ceilings.items()},
        "goals": goals,
        "goals_missed": [name for name, goal in goals.items() if not goal["met"]],
    }


def confusions(results: Iterable[Result], *, most: int = 20) -> list[tuple[str, str, str, int]]:
    """(fact, wanted, told, how often) of what the judges found instead, most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for result in results:
        for wanted, told in zip(result.wanted, result.judged, strict=True):
            if told is None:
                continue
            for fact, value in wanted.items():
                if told.get(fact) != value:
                    counts[fact, value, told.get(fact, "nothing")] += 1
    return [(*names, count) for names, count in counts.most_common(most)]


def ceiling(result: Result, metric: str, ceilings: Ceilings) -> float | None:
    """The chance that the judges find every fact of a flawless answer to one prompt.

    Their mistakes about different facts are taken for independent. None where the metric asks for
    nothing, or a judge's share of a fact is not known.
    """
    chances = [
        ceilings.get(kind, {}).get(fact)
        for kind, facts, concept in zip(
            result.expected, result.wanted, result.concepts, strict=True
        )
        for fact in facts
        if (fact == concept) == (metric == "concept")
    ]
    known = [chance for chance in chances if isinstance(chance, int | float)]
    if not chances or len(known) < len(chances):
        return None
    whole = 1.0
    for chance in known:
        whole *= chance
    return whole


def rounded(figure: Interval | None) -> list[float] | None:
    """A figure as reports hold it."""
    return None if figure is None else [round(value, 4) for value in figure]


def _direction(results: Sequence[Result], ceilings: Ceilings) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(results)}
    for metric in METRICS:
        found[metric] = _figure(results, metric)
    found["facts"] = _facts(results)
    found["ceiling"] = {metric: _ceiling(results, metric, ceilings) for metric in JUDGED}
    failed = sum(bool(result.error) for result in results)
    if failed:
        found["errors"] = failed
    found["seconds"] = round(sum(result.seconds for result in results) / len(results), 2)
    return found


def _figure(results: Sequence[Result], metric: str) -> list[float] | None:
    values = [(r.group, float(v)) for r in results if (v := getattr(r, metric)) is not None]
    return rounded(macro(values))


def _ceiling(results: Sequence[Result], metric: str, ceilings: Ceilings) -> float | None:
    asked = [r for r in results if getattr(r, metric) is not None]
    known = [c for r in asked if (c := ceiling(r, metric, ceilings)) is not None]
    return round(fmean(known), 4) if known and len(known) == len(asked) else None


def _facts(results: Sequence[Result]) -> dict[str, list[float] | None]:
    """Each fact by itself: how often it was right, of those asked for."""
    values: dict[str, list[tuple[str, float]]] = {}
    for result in results:
        for wanted, told in zip(result.wanted, result.judged, strict=True):
            for fact, value in wanted.items():
                right = (told or {}).get(fact) == value
                values.setdefault(fact, []).append((result.group, float(right)))
    return {fact: rounded(macro(found)) for fact, found in sorted(values.items())}
