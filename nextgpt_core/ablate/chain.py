"""A variant as a chain of runs, each named by all that it depends on. Trains nothing.

Variants that begin alike share the runs they begin with, and the system as it is, which stands on
every axis, is trained and measured once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextgpt_core.ablate.axes import Ablations, Variant
from nextgpt_core.training.folder import part_files
from nextgpt_core.training.settings import split_overrides, untrained
from nextgpt_registry.anchors import anchored
from nextgpt_registry.config import Weight
from nextgpt_registry.configfile import Loaded, load_config

_KEY = 16  # hex digits


@dataclass(frozen=True)
class Link:
    """One stage of a variant: its config, and the folder name of its run."""

    stage: str
    steps: int
    loaded: Loaded
    key: str


@dataclass(frozen=True)
class Chain:
    """All stages of a variant in their order, and the config that is asked in the end."""

    axis: str
    variant: str
    links: tuple[Link, ...]
    asked: Loaded
    key: str

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(link.steps for link in self.links)


def chains(
    loaded: Loaded, ablations: Ablations, *, steps: int, measured_by: Sequence[Any]
) -> tuple[Chain, ...]:
    """All variants of all axes. `measured_by` tells apart what is measured in another way.

    Raises:
        ConfigError: a change does not fit the config.
        TrainingError: a change is neither of a config nor of a run.
    """
    fresh = untrained(loaded)
    return tuple(
        _chain(fresh, ablations, axis, name, variant, steps, measured_by)
        for axis, variants in ablations.axes.items()
        for name, variant in variants.items()
    )


def with_parts(loaded: Loaded, run: Path) -> Loaded:
    """The config with the trained parts of a run."""
    weights = {p.stem: Weight(source=f"file:{p.absolute().as_posix()}") for p in part_files(run)}
    return replace(loaded, config=loaded.config.model_copy(update={"weights": weights}))


def _chain(
    loaded: Loaded,
    ablations: Ablations,
    axis: str,
    name: str,
    variant: Variant,
    steps: int,
    measured_by: Sequence[Any],
) -> Chain:
    links: list[Link] = []
    key = ""
    for stage in variant.stages or ablations.stages:
        count = max(1, round(steps * stage.share))
        given = [*ablations.set, *variant.set, *stage.set, f"steps={count}"]
        own = load_config(loaded, split_overrides(stage.stage, given))
        key = _key(key, stage.stage, _plain(own), own.config.training.get(stage.stage))
        links.append(Link(stage.stage, count, own, key))
    last = links[-1].stage
    asked = load_config(
        loaded, split_overrides(last, [*ablations.set, *variant.set, *variant.asked])
    )
    return Chain(axis, name, tuple(links), asked, _key(key, _plain(asked), *measured_by))


def _plain(loaded: Loaded) -> dict[str, Any]:
    return anchored(loaded.config, loaded.base).model_dump(
        mode="json", exclude={"training", "suites", "ablations", "benchmark", "demo"}
    )


def _key(*told: Any) -> str:
    plain = [one.model_dump(mode="json") if hasattr(one, "model_dump") else one for one in told]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:_KEY]
