"""An evaluation from its first prompt to its report, or from where it was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextgpt_core.evaluation import distances
from nextgpt_core.evaluation.asking import Asked, Asker
from nextgpt_core.evaluation.choose import choose
from nextgpt_core.evaluation.folder import EvaluationFolder, fingerprint, stem
from nextgpt_core.evaluation.perplexity import perplexities
from nextgpt_core.evaluation.scores import Result, report
from nextgpt_core.evaluation.sheet import fragment, sheet
from nextgpt_core.evaluation.suitefile import read_suite, write_suite
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.progress import Progress
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.errors import ConfigError, NextGPTError
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_registry.fetch.progress import busy
from nextgpt_registry.messages import Dialogue
from nextgpt_registry.paths import local_path
from nextgpt_registry.plan import Plan, plugins_of
from nextgpt_registry.suites import Featured, Judge, Suite
from nextgpt_registry.targets import blamed, resolve

_MANY = 100
"""Prompts that take minutes or hours: whoever did not say how many is told."""


@dataclass(frozen=True)
class Report:
    """What an evaluation came to."""

    folder: Path  # where all of it lies; `index.html` shows every prompt with its answer
    figures: dict[str, Any]  # what `report.json` holds: by direction, with 95 % intervals
    results: tuple[Result, ...]  # prompt by prompt

    @property
    def goals_missed(self) -> tuple[str, ...]:
        """The suite's goals that were not reached, as `DIRECTION/METRIC`."""
        return tuple(self.figures["goals_missed"])


def load_suite(config: Config, name: str, catalog: Catalog | None = None) -> Suite:
    """A suite of a system or, if `name` ends in .jsonl, the one in that file.

    Raises:
        ConfigError: the system names no such suite, its target makes none, or the file holds none.
    """
    if name.endswith(".jsonl"):
        return read_suite(local_path(name, who="--suite"), catalog or plugins_of(config))
    settings = config.suites.get(name)
    if settings is None:
        have = ", ".join(config.suites) or "none"
        raise ConfigError(
            f"suite {name!r}",
            f"{config.name} does not name it (its suites: {have})",
            did_you_mean(name, list(config.suites)) or f"add suites.{name} with a target",
        )
    with blamed(settings.target):
        suite = resolve(settings.target)(**settings.options)
    if not isinstance(suite, Suite):
        raise ConfigError(
            f"suites.{name}", f"the target returned a {type(suite).__name__}", "return a Suite"
        )
    return suite


def evaluate(
    pipeline: Pipeline,
    suite: Suite,
    *,
    limit: int | None = None,
    out: Path | None = None,
    jobs: int = 1,
) -> Report:
    """Ask a system the prompts of a suite and judge its answers.

    What was asked in the same folder before is not asked again. `limit` is how many prompts in
    all, spread over directions and concepts; `jobs` how many are asked at once.

    Raises:
        ConfigError: the folder holds another evaluation.
    """
    plan = pipeline.system.plan
    about = about_evaluation(plan, suite)
    folder = EvaluationFolder(out or default_folder(about), about)
    chosen = choose(suite.prompts, limit)
    done = folder.results()
    waiting = [prompt for prompt in chosen if prompt.id not in done]
    judges = suite.live_judges()
    asker = Asker(pipeline, judges)

    with (
        Progress(f"{plan.system} {suite.name}", total=len(chosen), done=len(done)) as progress,
        ThreadPoolExecutor(jobs, "nextgpt-eval") as pool,
    ):
        if limit is None and len(waiting) > _MANY:
            progress.say(f"{len(waiting):,} prompts are asked, an answer each; a limit asks fewer")
        coming = [pool.submit(asker.ask, prompt) for prompt in waiting]
        try:
            for count, future in enumerate(as_completed(coming), len(chosen) - len(waiting) + 1):
                result = _keep(pipeline, folder, future.result(), judges)
                done[result.id] = result
                progress.tell(count, {})
                progress.note(result.direction)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    results = tuple(done[prompt.id] for prompt in chosen)
    texts = suite.dialogues[:limit]
    asked = [p for p, result in zip(chosen, results, strict=True) if not result.skipped]
    write_suite(folder.path, replace(suite, dialogues=texts), asked, pipeline.write)
    made = report(
        results,
        suite,
        system=plan.system,
        ceilings={kind: _ceiling(judge) for kind, judge in judges.items()},
        perplexity=_perplexity(pipeline, texts) if texts else None,
    )
    with busy("distances to real media"):
        made["distances"] = _distances(folder, suite, judges, results)
    folder.write("report.json", json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    folder.write("index.html", sheet(made, [(result, folder.shown(result)) for result in results]))
    return Report(folder.path, made, results)


def about_evaluation(plan: Plan, suite: Suite) -> dict[str, Any]:
    """What an evaluation is of; equal `fingerprint`s may share a folder."""
    settings = None if suite.origin else plan.config.suites.get(suite.name)
    options = settings.model_dump(mode="json") if settings else {}
    if suite.origin:
        options = {"sha256": suite.origin}
    return {
        "system": plan.system,
        "suite": suite.name,
        "fingerprint": fingerprint(plan, suite.name, options),
        "options": options,
    }


def default_folder(about: dict[str, Any]) -> Path:
    """Where an evaluation is, unless another place is said: one for each state of a system."""
    name = f"{about['system']}-{about['suite']}-{about['fingerprint'][:8]}"
    return cache_dir() / "evaluations" / name


def _keep(
    pipeline: Pipeline, folder: EvaluationFolder, asked: Asked, judges: Mapping[str, Judge]
) -> Result:
    """The result, with the files of its media."""
    made = [made.media for made in asked.answer.media] if asked.answer else []
    features: dict[str, Any] = {}
    for kind in dict.fromkeys(media.modality for media in made):
        judge = judges.get(kind)
        if isinstance(judge, Featured):
            with blamed(f"the judge of {kind}"):
                features[kind] = judge.features([m for m in made if m.modality == kind])
    folder.add_features(asked.result.id, features)
    (folder.path / "media").mkdir(exist_ok=True)
    files = [
        pipeline.write(media, folder.path / "media" / f"{stem(asked.result.id)}-{number}").name
        for number, media in enumerate(made)
    ]
    result = asked.result.model_copy(update={"media": tuple(files)})
    folder.add(result, fragment(pipeline.system.catalog, asked))
    return result


def _perplexity(pipeline: Pipeline, texts: Sequence[Dialogue]) -> dict[str, Any]:
    with busy(f"perplexity of {len(texts)} dialogues"):
        return perplexities(pipeline.system, texts)


def _ceiling(judge: Judge) -> dict[str, Any]:
    try:
        return dict(judge.ceiling)
    except NextGPTError as error:
        return {"unknown": str(error)}


def _distances(
    folder: EvaluationFolder,
    suite: Suite,
    judges: Mapping[str, Judge],
    results: Sequence[Result],
) -> dict[str, Any]:
    """By kind: how far what was made lies from as many real media, where a suite has any."""
    reference = suite.live_reference()
    found: dict[str, Any] = {}
    features = folder.features(result.id for result in results) if reference else {}
    for kind, made_ND in features.items():
        judge, count = judges.get(kind), min(len(made_ND), distances.MOST)
        if reference is None or not isinstance(judge, Featured) or count < distances.LEAST:
            continue
        try:
            with blamed(f"the judge of {kind}"):
                real_ND = judge.features(reference(kind, 2 * count))
            found[kind] = distances.distances(made_ND[:count], real_ND[:count], real_ND[count:])
        except NextGPTError as error:
            found[kind] = {"unknown": str(error)}
    return found
