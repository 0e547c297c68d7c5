"""A benchmark from its first comparison to its table. Knows no figure by name."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from nextgpt_core.benchmark import children, company, components, media, text
from nextgpt_core.benchmark.goals import Standard, reached, read_standard
from nextgpt_core.benchmark.machine import Others, described
from nextgpt_core.benchmark.result import Benchmark, Row
from nextgpt_core.benchmark.rows import Comparison, LeftOut, Pair
from nextgpt_core.benchmark.show import write
from nextgpt_core.benchmark.subject import QUICK, Scale, Subject
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.progress import Progress
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.anchors import beside
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.errors import NextGPTError, PluginError, RequestError
from nextgpt_registry.targets import blamed, resolve

GROUP = "nextgpt.benchmarks"
"""Entry points of what others compare: `"module:function"` of a `Subject` -> comparisons."""

OWN = tuple(module.compared for module in (text, company, media, children, components))


def bench(
    pipeline: Pipeline,
    *,
    command: tuple[str, ...] | None = None,
    only: Sequence[str] = (),
    minutes: float = 12.0,
    quick: bool = False,
    out: Path | None = None,
) -> Benchmark:
    """Run what is compared, all of it in about so many minutes, and write it into a folder.

    `command` is how the system is named on a command line, where it can be. What is `only`
    measured is named whole, by its group, or with wildcards. A comparison that a system cannot
    have, or that fails, is left out with the reason.

    Raises:
        RequestError: nothing has such a name.
        ConfigError: the file that its figures are held against cannot be read.
        PluginError: a plugin's comparisons cannot be had.
    """
    plan = pipeline.system.plan
    told = plan.config.benchmark
    standard = Standard() if told is None else read_standard(beside(plan.base, told))
    subject = Subject(pipeline, command, standard, QUICK if quick else Scale())
    found = _measured(subject, only, minutes)
    if out is not None:
        write(found, out)
    return found


def _measured(subject: Subject, only: Sequence[str], minutes: float) -> Benchmark:
    plan, device = subject.pipeline.system.plan, subject.pipeline.system.model.backbone.device
    others = Others()
    offered = list(_offered(subject))
    _check_names(only, offered)
    left_out = {one.name: one.why for one in offered if isinstance(one, LeftOut)}
    left_out = {name: why for name, why in left_out.items() if not only or _named(name, only)}
    chosen = [one for one in offered if isinstance(one, Comparison) and _wanted(one, only)]
    ends, rows = time.monotonic() + 60 * minutes, list[Row]()
    with Progress(f"{plan.system} benchmark", total=len(chosen)) as progress:
        for done, comparison in enumerate(chosen):
            share = (ends - time.monotonic()) / (len(chosen) - done)
            names = [figure.name for figure in comparison.figures]
            try:
                with progress.during(", ".join(names)):
                    pairs = _pairs(comparison, subject.scale, share)
                rows += _rows(comparison, pairs, subject)
            except NextGPTError as error:
                left_out |= dict.fromkeys(names, f"{error.who}: {error.what}")
            progress.tell(done + 1, {})
    kept = tuple(row for row in rows if not only or _named(row.figure.name, only))
    machine = described(device) | {"others": others.cores}
    return Benchmark(plan.system, machine, kept, left_out)


def _offered(subject: Subject) -> Iterator[Comparison | LeftOut]:
    for compared in OWN:
        yield from compared(subject)
    for entry in installed(GROUP):
        if entry.broken:
            raise entry.broken
        with blamed(f"benchmark {entry.name!r} of {entry.dist}", entry.target):
            found: Iterable[Any] = tuple(resolve(entry.target)(subject))
        for one in found:
            if not isinstance(one, Comparison | LeftOut):
                what = f"gives a {type(one).__name__}"
                raise PluginError(entry.name, what, "give Comparison and LeftOut")
            yield one


def _pairs(comparison: Comparison, scale: Scale, seconds: float) -> list[Sequence[Pair]]:
    """Of each round a pair for each figure: the least number of rounds, and more while time is."""
    ends, pairs = time.monotonic() + seconds, list[Sequence[Pair]]()
    with closing(comparison.rounds()) as rounds:  # type: ignore[type-var]
        for found in islice(rounds, scale.most):
            pairs.append(found)
            took = (time.monotonic() - ends + seconds) / len(pairs)
            if len(pairs) >= scale.least and time.monotonic() + took > ends:
                break
    return pairs


def _rows(
    comparison: Comparison, pairs: Sequence[Sequence[Pair]], subject: Subject
) -> Iterator[Row]:
    for figure, own in zip(comparison.figures, zip(*pairs, strict=True), strict=True):
        if not all(other > 0 for _, other in own):
            raise RequestError(figure.name, f"{figure.other} came to nothing", "run it again")
        ratios = [ours / other for ours, other in own]
        low, _, high = quantiles(ratios, n=4, method="inclusive") if ratios[1:] else ratios * 3
        ratio, goal = median(ratios), subject.standard.goal(figure.name)
        yield Row(
            figure,
            ours=median(ours for ours, _ in own),
            other=median(other for _, other in own),
            ratio=ratio,
            spread=(low, high),
            rounds=len(own),
            goal=goal,
            reached=reached(goal, ratio),
        )


def _wanted(comparison: Comparison, only: Sequence[str]) -> bool:
    if not only:
        return not comparison.asked
    return any(_named(figure.name, only) for figure in comparison.figures)


def _named(name: str, only: Sequence[str]) -> bool:
    return any(fnmatchcase(name, one) or name.startswith(f"{one}.") for one in only)


def _check_names(only: Sequence[str], offered: Sequence[Comparison | LeftOut]) -> None:
    known = [
        name
        for one in offered
        for name in ([f.name for f in one.figures] if isinstance(one, Comparison) else [one.name])
    ]
    for one in only:
        if not any(_named(name, [one]) for name in known):
            groups = sorted({name.partition(".")[0] for name in known})
            raise RequestError(
                f"--only {one}",
                "nothing compared is called so",
                did_you_mean(one, [*known, *groups]),
            )
