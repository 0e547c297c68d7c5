"""What an answer is worth, and how sure that is. Pure functions: no system, no judge, no files.

Structure follows the UniM benchmark (arXiv 2603.05075): strict (StS) is 1 where the kinds of media
and the count of each are exactly those expected, lenient (LeS) is the share of expected kinds that
are there at all. Text beside media is never wrong; where text is expected there must be some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import sqrt
from random import Random
from statistics import fmean, variance
from typing import Any

from nextgpt_registry.suites import TEXT, Expected

Interval = tuple[float, float, float]
"""A value and the ends of its 95 % interval."""

Z = 1.959963984540054  # of the normal distribution, two-sided 95 %


def structure(expected: Sequence[str], found: Sequence[str], optional: Sequence[str] = ()) -> bool:
    """Kinds wanted and found, each medium once -> whether they are the same (StS).

    Media that are `optional` may be there besides, or not.
    """
    wanted, got = Counter(expected), Counter(found)
    if wanted.pop(TEXT, 0) and not got[TEXT]:
        return False
    del got[TEXT]
    return wanted <= got <= wanted + Counter(optional)


def coverage(expected: Sequence[str], found: Sequence[str]) -> float:
    """The share of the kinds wanted that were found at least once (LeS)."""
    wanted = set(expected)
    return len(wanted & set(found)) / len(wanted) if wanted else 1.0


def order(expected: Sequence[str], found: Sequence[str]) -> bool:
    """Whether the media, text aside, came in the order in which they were wanted."""
    return [k for k in expected if k != TEXT] == [k for k in found if k != TEXT]


def false_media(
    expected: Sequence[str], found: Sequence[str], optional: Sequence[str] = ()
) -> bool:
    """Whether there are more media of some kind than were wanted; text is never false."""
    wanted = Counter([*expected, *optional])
    return any(count > wanted[kind] for kind, count in Counter(found).items() if kind != TEXT)


def concept(expected: Sequence[Expected], told: Sequence[Mapping[str, str] | None]) -> bool | None:
    """Whether every concept wanted is what a judge found; None if none is wanted.

    `told` holds, for each thing expected, the facts found in it, or None if it is not there.
    """
    wanted = [(e, facts) for e, facts in zip(expected, told, strict=True) if e.concept in e.facts]
    if not wanted:
        return None
    return all((facts or {}).get(e.concept) == e.facts[e.concept] for e, facts in wanted)


def attributes(
    expected: Sequence[Expected], told: Sequence[Mapping[str, str] | None]
) -> bool | None:
    """Whether every attribute wanted is what a judge found; None if none is wanted."""
    wanted = [
        (name, value, facts)
        for e, facts in zip(expected, told, strict=True)
        for name, value in e.attributes.items()
    ]
    if not wanted:
        return None
    return all((facts or {}).get(name) == value for name, value, facts in wanted)


def bootstrap(
    statistic: Callable[[Sequence[Any]], float | None], units: Sequence[Any], *, times: int = 1000
) -> Interval | None:
    """A statistic of sampling units and its 95 % interval, of units drawn anew with replacement.

    The percentile interval (Efron and Tibshirani, An Introduction to the Bootstrap, 13.3). None
    where there is no such statistic; draws without one are left out. The same at every call.
    """
    value = statistic(units)
    if value is None:
        return None
    rng = Random(0)
    drawn = (statistic(rng.choices(units, k=len(units))) for _ in range(times))
    found = sorted(one for one in drawn if one is not None)
    tail = round(0.025 * (len(found) - 1))
    return value, min(value, found[tail]), max(value, found[-1 - tail])


def wilson(share: float, count: float) -> Interval:
    """A proportion of `count` trials and its 95 % interval (Wilson, 1927).

    `count` may be an effective one, no whole number; of none, all is possible.
    """
    if count <= 0:
        return share, 0.0, 1.0
    spread = Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def macro(values: Sequence[tuple[Hashable, float]]) -> Interval | None:
    """(group, value in 0..1) -> the mean of the groups' means, with its 95 % interval.

    Groups are the sampling units: answers about one concept are alike. The variance of the mean
    is that between groups; Wilson's interval is taken at the number of independent trials that
    would have this variance, as for clustered surveys, and never at more trials than there were.
    Where all groups agree nothing can be said of their variance, and each counts as one trial.
    """
    if not values:
        return None
    by_group: dict[Hashable, list[float]] = {}
    for group, value in values:
        by_group.setdefault(group, []).append(float(value))
    means = [fmean(group) for group in by_group.values()]
    share, groups = fmean(means), len(means)
    between = variance(means) / groups if groups > 1 else 0.0
    if between <= 0 or not 0 < share < 1:
        return wilson(share, groups)
    return wilson(share, min(share * (1 - share) / between, len(values)))
