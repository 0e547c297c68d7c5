"""The recipe as data, and each of its steps as a command. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.config import Settings
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.tensors import quick_in_bfloat16

SYSTEM, _WORLD = "mini", "world"
_FILE = Path(__file__).with_name("recipe.yaml")


class Step(Settings):
    """One run: exactly one of `part`, `judge`, `stage` and `command`."""

    name: str
    part: str = ""
    judge: str = ""
    stage: str = ""  # of the system's config
    command: tuple[str, ...] = ()  # what follows `nextgpt`
    steps: int = Field(default=1, gt=0)  # a stage's own, unless they are given
    seconds: float = Field(default=1.0, gt=0)  # expected of one step
    needs: tuple[str, ...] = ()
    set: tuple[str, ...] = ()  # KEY=VALUE of a stage
    quick: tuple[str, ...] = ()  # the same, where the processor is quick in bfloat16
    from_: str = Field(default="", alias="from")  # the step whose parts a stage starts from
    export: bool = False  # write a stage's parts where the system finds them
    figures: tuple[str, ...] = ()  # of its log: what it is measured by

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(map(bool, (self.part, self.judge, self.stage, self.command))) != 1:
            raise ValueError(f"{self.name}: say one of part, judge, stage and command")
        return self


class Smoke(Settings):
    """What makes the same path small."""

    steps: int
    options: tuple[str, ...]
    set: tuple[str, ...]


class Recipe(Settings):
    """Steps in an order in which each one's needs stand before it."""

    lanes: int = Field(gt=0)
    steps: tuple[Step, ...]
    smoke: Smoke

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        seen: set[str] = set()
        for step in self.steps:
            wanted = {*step.needs, *([step.from_] if step.from_ else [])}
            if wanted - seen:
                raise ValueError(f"{step.name} needs {sorted(wanted - seen)}: put it after them")
            seen.add(step.name)
        return self


@dataclass(frozen=True)
class Job:
    """A step, ready to be run."""

    step: Step
    command: tuple[str, ...]  # what follows `nextgpt`
    run: Path | None  # its folder
    steps: int


@dataclass(frozen=True)
class Place:
    """Where a chain of runs is: its folder, and whether it is a small one with its own weights."""

    runs: Path
    own: bool  # runs and weights lie in `runs`, not in the cache and in this package
    smoke: bool = False

    @property
    def weights(self) -> Path:
        """Where trained parts are written."""
        return self.runs / SYSTEM / "weights" if self.own else Path(__file__).parents[2] / "weights"

    def folder(self, step: Step) -> Path | None:
        """The run's folder of a step."""
        if step.command:
            return None
        if step.judge:
            return self.runs / _WORLD / f"judge-{step.judge}"
        return self.runs / (f"{SYSTEM}-{step.name}" if step.stage else f"{SYSTEM}/{step.name}")


def load_recipe(path: Path = _FILE) -> Recipe:
    """The recipe that ships with mini."""
    import yaml  # 20 ms

    return Recipe.model_validate(yaml.safe_load(path.read_text("utf-8")))


def jobs(
    recipe: Recipe, place: Place, *, overrides: Sequence[str] = (), only: Sequence[str] = ()
) -> tuple[Job, ...]:
    """The commands of all steps, or of those named in `only`.

    Raises:
        ConfigError: the recipe has no such step.
    """
    known = [step.name for step in recipe.steps]
    for name in only:
        if name not in known:
            raise ConfigError(f"step {name!r}", "is none of the recipe", did_you_mean(name, known))
    chosen = [step for step in recipe.steps if not only or step.name in only]
    if place.smoke:
        chosen = [step for step in chosen if not step.command]
    return tuple(_job(step, recipe, place, overrides) for step in chosen)


def _job(step: Step, recipe: Recipe, place: Place, overrides: Sequence[str]) -> Job:
    run, small = place.folder(step), recipe.smoke if place.smoke else None
    if step.command:
        return Job(step, step.command, run, 1)
    if step.stage:
        own = step.steps if "steps" in step.model_fields_set else _configured(step.stage)
        steps = small.steps if small else own
        return Job(step, _stage(step, steps, small, place, overrides), run, steps)
    steps = min(step.steps, small.steps) if small else step.steps
    whose = (SYSTEM, "train", step.part) if step.part else (_WORLD, "judge", step.judge)
    options = ["--folder", str(place.runs / whose[0])] if place.own else []
    options += small.options if small else ()
    return Job(step, (*whose, "--steps", str(steps), *options), run, steps)


def _stage(
    step: Step, steps: int, small: Smoke | None, place: Place, overrides: Sequence[str]
) -> tuple[str, ...]:
    given = [*step.set, *(step.quick if quick_in_bfloat16() else ())]
    given += [*(small.set if small else ()), *overrides]
    if small:
        # Of all stages: one may rehearse the data of another.
        stages = load_config(SYSTEM).config.training
        given += [f"training.{stage}.options.library=samples" for stage in stages]
    command = ["train", SYSTEM, "--stage", step.stage, "--steps", str(steps), "--fresh"]
    command += ["--out", str(place.folder(step))]
    if step.from_:
        command += ["--from", str(place.runs / f"{SYSTEM}-{step.from_}")]
    if step.export:
        command += ["--export", str(place.weights)]
    filled = [one.replace("{weights}", str(place.weights)) for one in given]
    return (*command, *filled)


def _configured(stage: str) -> int:
    told: dict[str, Any] = load_config(SYSTEM).config.training[stage].run
    return int(told["steps"])
