"""Training, evaluation and benchmarks as functions: what the commands of these names do.

torch is imported once all that can be checked without it has been. Knows no option of a command.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextgpt_core.intake.arguments import callers, listed, listener, plain
from nextgpt_core.progress import OnStep, going_on, heard_by
from nextgpt_core.training.planned import planned
from nextgpt_core.training.settings import split_overrides, stage_of, untrained, with_settings
from nextgpt_registry.additions import find_offer, join
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.configfile import Loaded, load_config
from nextgpt_registry.errors import ConfigError, RequestError, TrainingError
from nextgpt_registry.outputs import check_folder
from nextgpt_registry.paths import local_path, shortened
from nextgpt_registry.plan import plan_system
from nextgpt_registry.suites import Suite

if TYPE_CHECKING:
    from nextgpt_core.benchmark.result import Benchmark
    from nextgpt_core.evaluation.run import Report
    from nextgpt_core.pipeline import Pipeline, Source
    from nextgpt_core.training.adding import AdditionResult
    from nextgpt_core.training.start import TrainingResult


def train(
    system: Source | Loaded,
    *overrides: str,
    stage: str = "",
    out: str | Path | None = None,
    start: str | Path | None = None,
    fresh: bool = False,
    catalog: Catalog | None = None,
    progress: OnStep | None = None,
    **settings: Any,
) -> TrainingResult:
    """Train one stage of a system, or go on with a run that was begun in the same folder.

    `train("mini", stage="encode", steps=200, lr=1e-4, out="runs/encode")`

    Args:
        system: a shipped system's name, a YAML file, a saved folder, a dict or a `Config`.
        overrides: dotted `key=value`, of the config or of the run.
        stage: `encode`, `decode`, `instruct`, or one of the config's own.
        out: the run's folder; by default in the cache, by system and stage.
        start: another run's folder, whose parts this one starts from.
        fresh: start untrained, not from the system's own parts.
        catalog: the plugins to use, for those that are not installed.
        progress: called as `progress(title, done, total, values)`, instead of drawing a bar.
        settings: hyperparameters, as `nextgpt_core.training.settings.RunSettings` has them.

    Raises:
        ConfigError: the config cannot be read.
        PlanError: the system cannot be assembled.
        TrainingError: the run cannot start, or its loss is no longer a number.
    """
    loaded, catalog = prepared(
        system, *overrides, stage=stage, fresh=fresh, catalog=catalog, **settings
    )
    folder = None if out is None else check_folder(local_path(out, who="out"), option="out")
    begin = None if start is None else local_path(start, who="start")
    listener(progress)

    from nextgpt_core.training.start import train as run_stage

    with heard_by(progress), going_on():
        return run_stage(loaded, catalog, stage, out=folder, start=begin)


def prepared(
    system: Source | Loaded,
    *overrides: str,
    stage: str,
    fresh: bool = False,
    catalog: Catalog | None = None,
    **settings: Any,
) -> tuple[Loaded, Catalog]:
    """The config that a stage is trained with, and its plugins; all that is wrong is told here.

    A `fresh` one has no trained parts, whatever it is a config of.

    Raises:
        ConfigError: the config cannot be read.
        PlanError: the system cannot be assembled.
        TrainingError: it has no such stage, or a setting is wrong.
    """
    _check_texts(overrides, stage)
    callers(catalog, None, {})
    loaded = load_config(system, split_overrides(stage, overrides), catalog=catalog)
    loaded = with_settings(loaded, stage, {key: plain(value) for key, value in settings.items()})
    loaded = untrained(loaded) if fresh else loaded
    stage_of(loaded.config, stage)
    ready = plan_system(loaded, catalog=catalog)
    planned(ready.plan, [stage])
    return ready.loaded, ready.catalog


def add_channels(
    system: Source | Loaded,
    addition: str | Path,
    *overrides: str,
    out: str | Path,
    fresh: bool = False,
    exact: bool = False,
    catalog: Catalog | None = None,
    progress: OnStep | None = None,
) -> AdditionResult:
    """Write a system with the channels of an addition, and train those alone; or go on with that.

    `add_channels("mini", "depth", out="mini-with-depth")`

    Args:
        system: the trained system that is added to, as with `train`.
        addition: one that a plugin ships, a YAML file like one, or another saved system.
        overrides: dotted `key=value`, of the new config or of every run.
        out: the new system's folder.
        fresh: train the channels, although the addition brings trained parts that fit.
        exact: write projections as floats instead of int8.
        catalog: the plugins to use, for those that are not installed.
        progress: called as `progress(title, done, total, values)`, instead of drawing a bar.

    Raises:
        PlanError: the joined system cannot be assembled.
        ConfigError: `out` holds something else.
        LockError: the channels of another system were trained beside another language model.
        TrainingError: there is nothing to train the channels with, or a run cannot go on.
    """
    _check_texts(overrides, "")
    callers(catalog, progress, {})
    folder = check_folder(local_path(out, who="out"), option="out")
    source = str(local_path(addition, who="addition")) if isinstance(addition, Path) else addition
    if not isinstance(source, str):
        raise ConfigError("addition", f"is a {type(source).__name__}", "give its name, or a file")
    loaded = load_config(system, catalog=catalog)
    joined = join(loaded, find_offer(source, catalog=catalog))
    stages = joined.stages or ("",)  # without any, what is given can be of the config alone
    joined = joined.overridden(
        list(dict.fromkeys(one for stage in stages for one in split_overrides(stage, overrides)))
    )
    ready = plan_system(joined.loaded, catalog=catalog)
    planned(ready.plan, joined.stages)

    from nextgpt_core.training.adding import add

    with heard_by(progress), going_on():
        return add(joined, ready.catalog, out=folder, fresh=fresh, exact=exact)


def evaluate(
    system: Source | Pipeline,
    *overrides: str,
    suite: str | Path | Suite = "any2any",
    out: str | Path | None = None,
    limit: int | None = None,
    jobs: int = 1,
    untrained: bool = False,
    catalog: Catalog | None = None,
    progress: OnStep | None = None,
) -> Report:
    """How well a system answers, by a suite; or go on with an evaluation in the same folder.

    `evaluate("mini", limit=40).figures["directions"]`

    Args:
        system: as with `train`, or a live `Pipeline`, which stays open.
        overrides: dotted `key=value` of the config; none with a live pipeline.
        suite: one that the config names, a `suite.jsonl`, or a `Suite`.
        out: where results and contact sheet are written; by default in the cache.
        limit: how many prompts in all, spread over directions and concepts; default: all.
        jobs: how many prompts are asked at once.
        untrained: run channels whose trained parts are not there.
        catalog: the plugins to use, for those that are not installed.
        progress: called as `progress(title, done, total, values)`, instead of drawing a bar.

    Raises:
        ConfigError: there is no such suite, or the folder holds another evaluation.
        PlanError: the system cannot be assembled.
        RequestError: a number is out of range.
    """
    _check_texts(overrides, "")
    callers(catalog, progress, {})
    limit, jobs = plain(limit), plain(jobs)
    for name, count in (("limit", 1 if limit is None else limit), ("jobs", jobs)):
        if type(count) is not int or count < 1:
            raise RequestError(name, f"is {shortened(count)}", "give a whole number from 1")
    folder = None if out is None else check_folder(local_path(out, who="out"), option="out")
    if not isinstance(suite, str | Path | Suite):
        what = f"is a {type(suite).__name__}"
        raise ConfigError("suite", what, "give the name of one, a suite.jsonl, or a Suite")

    from nextgpt_core.assembly.assemble import assemble
    from nextgpt_core.evaluation.run import evaluate as run_suite
    from nextgpt_core.evaluation.run import load_suite
    from nextgpt_core.pipeline import Pipeline

    live: Any = None
    if isinstance(system, Pipeline):
        live = _live(system, overrides, untrained, catalog)
        config, plugins = system.config, system.system.catalog
    else:
        planned = plan_system(system, overrides, catalog=catalog)
        config, plugins = planned.loaded.config, planned.catalog
    if not isinstance(suite, Suite):
        suite = load_suite(config, str(local_path(suite, who="suite")), plugins)
    live = live or Pipeline(assemble(planned.plan, plugins, merge=True), untrained=untrained)
    with live as pipeline, heard_by(progress), going_on():
        return run_suite(pipeline, suite, limit=limit, out=folder, jobs=jobs)


def bench(
    system: Source | Pipeline,
    *overrides: str,
    only: Sequence[str] = (),
    minutes: float = 12.0,
    quick: bool = False,
    out: str | Path | None = None,
    untrained: bool = False,
    catalog: Catalog | None = None,
    progress: OnStep | None = None,
) -> Benchmark:
    """How fast a system is: each figure against another way to the same, both run by turns.

    `bench("mini", only=["text"]).rows[0].ratio`

    Args:
        system: as with `train`, or a live `Pipeline`, which stays open. What is measured by the
            command `nextgpt` is left out where no command could name it.
        overrides: dotted `key=value` of the config; none with a live pipeline.
        only: figures (`text.clients`), groups (`text`) or patterns (`*.clients`); default: all
            but those that have to be named.
        minutes: about how long all of it may take; each comparison has its least of rounds.
        quick: each side once and on little, to see that all of it runs.
        out: a folder for `benchmark.json`, `benchmark.md` and `benchmark.svg`.
        untrained: run channels whose trained parts are not there.
        catalog: the plugins to use, for those that are not installed.
        progress: called as `progress(title, done, total, values)`, instead of drawing a bar.

    Raises:
        ConfigError: what figures are held against cannot be read.
        PlanError: the system cannot be assembled.
        RequestError: no figure has such a name, or a number is out of range.
    """
    _check_texts(overrides, "")
    callers(catalog, progress, {})
    names = listed(only, "only", "give a list of names")
    if not all(isinstance(name, str) for name in names):
        raise RequestError("only", f"is {shortened(names)}", "give a list of names")
    limit: Any = plain(minutes)
    if not isinstance(limit, int | float) or not limit > 0:
        raise RequestError("minutes", f"is {shortened(limit)}", "give a number above 0")
    folder = None if out is None else check_folder(local_path(out, who="out"), option="out")
    nameable = isinstance(system, str | Path) and catalog is None
    command = (str(system), *overrides, *(["--untrained"] if untrained else ()))

    from nextgpt_core.benchmark.run import bench as run_bench

    with _live(system, overrides, untrained, catalog) as pipeline, heard_by(progress):
        return run_bench(
            pipeline,
            command=command if nameable else None,
            only=names,
            minutes=limit,
            quick=quick,
            out=folder,
        )


def _live(
    system: Source | Pipeline, overrides: Sequence[str], untrained: bool, catalog: Catalog | None
) -> AbstractContextManager[Pipeline]:
    """The pipeline of a config, until the block is left; one that is live stays open."""
    from nextgpt_core.pipeline import Pipeline

    if not isinstance(system, Pipeline):
        return Pipeline.from_config(system, *overrides, untrained=untrained, catalog=catalog)
    if overrides or catalog is not None:
        raise ConfigError("pipeline", "is live: its config and plugins stay", "give neither")
    return nullcontext(system)


def _check_texts(overrides: tuple[Any, ...], stage: Any) -> None:
    if not all(isinstance(one, str) for one in overrides):
        raise ConfigError("overrides", f"are {shortened(overrides)}", "write 'key.of.config=value'")
    if not isinstance(stage, str):
        raise TrainingError("stage", f"is a {type(stage).__name__}", "give its name")
