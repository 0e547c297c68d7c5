"""An evaluation from its first prompt to its report, or from where it was killed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextgpt_core.evaluate.asking import Asked, Asker
from nextgpt_core.evaluate.choose import choose
from nextgpt_core.evaluate.folder import EvaluationFolder, fingerprint, stem
from nextgpt_core.evaluate.scores import Result, report
from nextgpt_core.evaluate.sheet import fragment, sheet
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.train.progress import Progress
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.cache import cache_dir
from nextgpt_registry.config import Config
from nextgpt_registry.errors import ConfigError, NextGPTError
from nextgpt_registry.plan import Plan
from nextgpt_registry.suites import Prompt, Suite
from nextgpt_registry.targets import blamed, resolve


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation came to."""

    folder: Path
    report: dict[str, Any]
    results: tuple[Result, ...]


def load_suite(config: Config, name: str) -> Suite:
    """A suite of a system.

    Raises:
        ConfigError: the system names no such suite, or its target makes none.
    """
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
) -> Evaluated:
    """Ask a system the prompts of a suite and judge its answers.

    What was asked in the same folder before is not asked again. `limit` is how many prompts in
    all, spread over directions and concepts; `jobs` how many are asked at once.

    Raises:
        ConfigError: the folder holds another evaluation.
    """
    plan = pipeline.system.plan
    about = about_evaluation(plan, suite.name)
    folder = EvaluationFolder(out or default_folder(about), about)
    chosen = choose(suite.prompts, limit)
    done = folder.results()
    waiting = [prompt for prompt in chosen if prompt.id not in done]
    asker = Asker(pipeline, suite.judges)

    def one(prompt: Prompt) -> tuple[Prompt, Asked]:
        return prompt, asker.ask(prompt)

    with (
        Progress(f"{plan.system} {suite.name}", total=len(chosen), done=len(done)) as progress,
        ThreadPoolExecutor(jobs, "nextgpt-eval") as pool,
    ):
        asked = [pool.submit(one, prompt) for prompt in waiting]
        try:
            for count, future in enumerate(as_completed(asked), len(chosen) - len(waiting) + 1):
                prompt, found = future.result()
                _keep(pipeline, folder, found)
                done[prompt.id] = found.result
                progress.tell(count, {})
                progress.note(prompt.direction)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    results = tuple(done[prompt.id] for prompt in chosen)
    return Evaluated(folder.path, _report(plan, suite, results, folder), results)


def about_evaluation(plan: Plan, suite: str) -> dict[str, Any]:
    """What an evaluation is of; equal `fingerprint`s may share a folder."""
    settings = plan.config.suites.get(suite)
    options = settings.model_dump(mode="json") if settings else {}
    return {
        "system": plan.system,
        "suite": suite,
        "fingerprint": fingerprint(plan, suite, options),
        "options": options,
    }


def default_folder(about: dict[str, Any]) -> Path:
    """Where an evaluation is, unless another place is said: one for each state of a system."""
    name = f"{about['system']}-{about['suite']}-{about['fingerprint'][:8]}"
    return cache_dir() / "evaluations" / name


def _keep(pipeline: Pipeline, folder: EvaluationFolder, asked: Asked) -> None:
    answer = asked.answer
    for number, made in enumerate(answer.media if answer else ()):
        media = folder.path / "media"
        media.mkdir(exist_ok=True)
        pipeline.write(made.media, media / f"{stem(asked.result.id)}-{number}")
    folder.add(asked.result, fragment(pipeline.system.catalog, asked))


def _report(
    plan: Plan, suite: Suite, results: Sequence[Result], folder: EvaluationFolder
) -> dict[str, Any]:
    made = report(results, suite, system=plan.system, ceilings=_ceilings(suite))
    folder.write("report.json", json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    shown = [(result, folder.shown(result)) for result in results]
    folder.write("index.html", sheet(made, shown))
    return made


def _ceilings(suite: Suite) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, judge in suite.judges.items():
        try:
            found[kind] = dict(judge.ceiling)
        except NextGPTError as error:
            found[kind] = {"unknown": str(error)}
    return found
