"""An evaluation from its first prompt to its report, or from where it was killed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextgpt_core.evaluation import distances
from nextgpt_core.evaluation.asking import Asked, Asker
from nextgpt_core.evaluation.bare import bare_pipeline
from nextgpt_core.evaluation.choose import choose, conversations
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
from nextgpt_registry.messages import Dialogue, Message
from nextgpt_registry.paths import local_path
from nextgpt_registry.plan import Plan, plugins_of
from nextgpt_registry.suites import Featured, Judge, Prompt, Suite
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
    waiting = [talk for talk in conversations(chosen) if not {p.id for p in talk} <= set(done)]
    count = len(chosen) - sum(map(len, waiting))
    judges = suite.live_judges()

    with (
        _baseline(pipeline, suite, waiting) as bare,
        Progress(f"{plan.system} {suite.name}", total=len(chosen), done=count) as progress,
        ThreadPoolExecutor(jobs, "nextgpt-eval") as pool,
    ):
        if limit is None and (left := len(chosen) - count) > _MANY:
            progress.say(f"{left:,} prompts are asked, an answer each; a limit asks fewer")
        asker = Asker(pipeline, judges, bare=bare, baseline=suite.baseline)
        coming = [pool.submit(asker.converse, talk) for talk in waiting]
        try:
            for asked in (one for future in as_completed(coming) for one in future.result()):
                result = _keep(pipeline, folder, asked, judges)
                done[result.id] = result
                count += 1
                progress.tell(count, {})
                progress.note(result.direction)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    results = tuple(done[prompt.id] for prompt in chosen)
    told = suite.dialogues[:limit]
    known = [p for p, result in zip(chosen, results, strict=True) if not result.skipped]
    write_suite(folder.path, replace(suite, dialogues=told), known, pipeline.write)
    texts = [*told, *(talk for p in known if (talk := _plain(p, done[p.id].bare)))]
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


def _baseline(
    pipeline: Pipeline, suite: Suite, waiting: Sequence[Sequence[Prompt]]
) -> AbstractContextManager[Pipeline | None]:
    """The bare language model, if any of these conversations is put to it as well."""
    asked = [p for talk in waiting for p in talk if p.direction in suite.baseline]
    return bare_pipeline(pipeline) if asked else nullcontext()


def _plain(prompt: Prompt, bare: str | None) -> Dialogue | None:
    """A prompt with the bare language model's answer to it, if it gave one."""
    return (*prompt.request(), Message("assistant", (bare,))) if bare else None


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
