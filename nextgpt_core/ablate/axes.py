"""What is compared, as data: axes, their variants, and the stages each one is trained in.

    suite: any2any              # what all are measured by, with `limit` prompts
    steps: 100                  # of a stage whose share is 1
    stages: [encode, {stage: decode, share: 4}]
    columns: {understands: "*->text/concept"}   # DIRECTION/METRIC, averaged over what fits
    axes:
      input projection:
        resampler: {}           # the system as it is
        linear: {set: [modalities.photo.input_projection=linear]}

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from nextgpt_core.evaluation.scores import METRICS
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.config import Settings
from nextgpt_registry.documents import read_yaml
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.explain import lines
from nextgpt_registry.specs import Name


class Stage(Settings):
    """One stage of a variant, started from the one before; a bare string is its name."""

    stage: Name
    share: float = Field(default=1.0, gt=0)  # of `steps`
    set: tuple[str, ...] = ()  # KEY=VALUE, for this stage alone


def _staged(value: Any) -> Any:
    return {"stage": value} if isinstance(value, str) else value


Stages = tuple[Annotated[Stage, BeforeValidator(_staged)], ...]


class Variant(Settings):
    """How one variant differs from the system."""

    set: tuple[str, ...] = ()  # KEY=VALUE, as `nextgpt train` takes them, for all of its stages
    stages: Stages = ()  # instead of those of all
    asked: tuple[str, ...] = ()  # changes to the config when it is measured, not when trained


class Ablations(Settings):
    """A whole comparison."""

    suite: str
    steps: int = Field(default=100, gt=0)
    limit: int = Field(default=32, gt=0)
    set: tuple[str, ...] = ()  # for all variants
    stages: Stages = Field(min_length=1)
    columns: dict[str, str]
    axes: dict[str, dict[str, Variant]]

    @field_validator("columns")
    @classmethod
    def _measured(cls, columns: dict[str, str]) -> dict[str, str]:
        for name, pattern in columns.items():
            if pattern.rpartition("/")[2] not in METRICS:
                raise ValueError(f"{name}: {pattern!r} ends in none of {', '.join(METRICS)}")
        return columns


def read_axes(path: Path) -> Ablations:
    """The comparison in a file.

    Raises:
        ConfigError: it cannot be read, or has wrong keys or values.
    """
    try:
        return Ablations.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(str(path), f"cannot be read:{lines(error, Ablations)}") from error


def narrowed(ablations: Ablations, only: Sequence[str]) -> Ablations:
    """The same with some axes alone; with all if none is named.

    Raises:
        ConfigError: there is no such axis.
    """
    for name in only:
        if name not in ablations.axes:
            fix = did_you_mean(name, list(ablations.axes))
            raise ConfigError(f"axis {name!r}", "is not compared", fix)
    axes = {name: axis for name, axis in ablations.axes.items() if not only or name in only}
    return ablations.model_copy(update={"axes": axes})
