"""What can be said about a training run, and what each stage trains. Imports no torch.

Every field of `RunSettings` is a `KEY=VALUE` of `nextgpt train` and a key of `training.STAGE.run`
in a config. The defaults suit a language model of 135M parameters on two cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from nextgpt_core.assembly.stages import ROWS, STAGES, Part, kind, parts_of
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.config import Config, Settings, TrainingData
from nextgpt_registry.configfile import Loaded
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.explain import lines
from nextgpt_registry.specs import Name


class RunSettings(Settings):
    """The hyperparameters of one run."""

    parts: tuple[Part, ...] = ()  # what is trained; empty: as the stage's name says
    channels: tuple[Name, ...] | None = None  # whose projections and signals; default: all
    steps: int = Field(default=2000, gt=0)
    batch: int = Field(default=16, gt=0)  # dialogues together, alike in length
    accumulation: int = Field(default=1, gt=0)  # batches in one step
    pass_tokens: int = Field(default=2048, gt=0)  # larger batches go through in parts: memory
    optimizer: Literal["adamw", "muon"] = "adamw"  # muon: for the matrices
    lr: float = Field(default=5e-4, gt=0)
    rates: dict[Part, float] = Field(default_factory=dict)  # multiplies `lr`, by part
    warmup: float = Field(default=0.03, ge=0, le=1)  # share of the steps
    decay: Literal["linear", "cosine", "none"] = "linear"
    weight_decay: float = Field(default=0.001, ge=0)
    clip: float = Field(default=1.0, gt=0)  # the most the gradient's norm may be
    text: float = Field(default=1.0, ge=0)  # weight of the cross-entropy on answers
    alignment: float = Field(default=1.0, ge=0)  # weight of the caption alignment
    alignment_form: Literal["square", "norm"] = "square"  # mean square, or mean norm of a token
    alignment_weights: dict[Name, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict
    )  # multiplies `alignment`, by channel
    matching: float = Field(default=0.0, ge=0)  # weight of what media alone say of their captions
    denoising: float = Field(default=0.0, ge=0)  # weight of the decoders' own loss
    precision: Literal["auto", "bf16", "fp32"] = "auto"  # bf16 where the device is quick in it
    max_tokens: int = Field(default=512, gt=0)  # longer dialogues are left out
    dialogues: int = Field(default=0, ge=0)  # how many of endless sources; 0: ever new ones
    rehearsal: float | None = Field(default=None, ge=0, lt=1)  # share of the other channels' data
    window: int = Field(default=8, gt=0)  # batches whose dialogues are sorted by length together
    workers: int = Field(default=1, ge=0)  # windows rendered ahead, each in its own thread
    seed: int = 0
    log_every: int = Field(default=10, gt=0)  # steps
    save_s: float = Field(default=120, ge=0)  # seconds between checkpoints
    sample_s: float = Field(default=900, ge=0)  # seconds between samples and validation
    samples: int = Field(default=4, ge=0)  # answers shown
    sample_tokens: int = Field(default=48, gt=0)  # the most that one of them is long
    validate_on: int = Field(default=32, ge=0)  # dialogues kept from training
    cache_gb: float = Field(default=4, ge=0)  # of features and caption targets on disk

    def teaches(self, channel: str) -> bool:
        """Whether the projections and signals of a channel are trained, where any are."""
        return self.channels is None or channel in self.channels

    def aligns(self, channel: str) -> float:
        """The weight of the caption alignment of a channel."""
        return self.alignment * self.alignment_weights.get(channel, 1.0)


FREE_TO_CHANGE = frozenset(
    {"steps", "workers", "log_every", "save_s", "sample_s", "samples", "sample_tokens", "cache_gb"}
)
"""What may differ when a run is gone on with."""


def untrained(loaded: Loaded) -> Loaded:
    """The config without its trained parts."""
    return replace(loaded, config=loaded.config.model_copy(update={"weights": {}}))


def split_overrides(stage: str, given: Sequence[str]) -> list[str]:
    """`lr=1e-4` as the config's own `training.STAGE.run.lr=1e-4`; the rest as it is.

    Raises:
        TrainingError: a key is neither of a config nor of a run.
    """
    found = []
    for one in given:
        first = one.partition("=")[0].partition(".")[0]
        if first in RunSettings.model_fields:
            found.append(f"training.{stage}.run.{one}")
        elif first in (*Config.model_fields, "define"):
            found.append(one)
        else:
            known = sorted({*RunSettings.model_fields, *Config.model_fields})
            raise TrainingError(
                one, "is no setting of a run or a config", did_you_mean(first, known)
            )
    return found


def with_settings(loaded: Loaded, stage: str, settings: Mapping[str, Any]) -> Loaded:
    """The config with hyperparameters of a stage's run; `stage_of` says what is wrong with them."""
    data = loaded.config.training.get(stage)
    if data is None or not settings:
        return loaded
    changed = data.model_copy(update={"run": {**data.run, **settings}})
    training = {**loaded.config.training, stage: changed}
    return replace(loaded, config=loaded.config.model_copy(update={"training": training}))


def stage_of(config: Config, stage: str) -> tuple[TrainingData, RunSettings]:
    """The data of a stage and its settings, `parts` filled in.

    Raises:
        TrainingError: the config has no such stage, or its settings are wrong.
    """
    data = config.training.get(stage)
    if data is None:
        have = ", ".join(config.training) or "none"
        if not stage:
            raise TrainingError("stage", "is not named", f"one of {config.name}'s: {have}")
        raise TrainingError(
            f"stage {stage!r}",
            f"{config.name} has no data for it (its stages: {have})",
            f"add training.{stage} with a target to the config",
        )
    settings = run_settings(data.run, stage=stage)
    if not settings.parts:
        settings = settings.model_copy(update={"parts": _default_parts(stage, settings)})
    if settings.channels is not None and "lora" in settings.parts:
        raise TrainingError(
            f"stage {stage!r}",
            "trains some channels alone, and `lora`, on which all of them stand",
            f"take lora out of training.{stage}.run.parts, or channels out of the settings",
        )
    return data, _with_rehearsal(config, stage, settings)


def rehearsed(config: Config, settings: RunSettings) -> dict[str, TrainingData]:
    """The stages whose data a run rehearses: `instruct`, and those of what was added earlier.

    Not of stages that train input projections alone: they teach nothing to be said.
    """
    mine = set(settings.channels or ())
    if not mine:
        return {}
    found = {}
    for stage, data in config.training.items():
        channels = data.run.get("channels")
        others = stage == "instruct" if channels is None else not mine & set(channels)
        parts = parts_of(stage, data)
        if others and set(parts) - {"input"}:
            found[stage] = data
    return found


def _default_parts(stage: str, settings: RunSettings) -> tuple[Part, ...]:
    parts = STAGES.get(kind(stage))
    if parts is None:
        raise TrainingError(
            f"stage {stage!r}",
            f"is none of {', '.join(STAGES)}, and does not say what it trains",
            f"set training.{stage}.run.parts, for instance [output, signals]",
        )
    return tuple(p for p in parts if settings.channels is None or p != "lora")


def _with_rehearsal(config: Config, stage: str, settings: RunSettings) -> RunSettings:
    """Half of the dialogues are the other channels' where new signals learn when to be said."""
    have = bool(rehearsed(config, settings))
    if settings.rehearsal and not have:
        raise TrainingError(
            f"stage {stage!r}",
            f"is to rehearse, and {config.name} has no data of other channels",
            "set rehearsal to 0, or give the config data for `instruct`",
        )
    if settings.rehearsal is not None or settings.channels is None:
        return settings
    share = 0.5 if have and ROWS & set(settings.parts) else 0.0
    return settings.model_copy(update={"rehearsal": share})


def run_settings(given: Mapping[str, Any], *, stage: str) -> RunSettings:
    """The settings that are given and the defaults of the others.

    Raises:
        TrainingError: a key is unknown, or a value out of range.
    """
    try:
        return RunSettings.model_validate(dict(given))
    except ValidationError as error:
        told = lines(error, RunSettings, f"training.{stage}.run")
        raise TrainingError(f"stage {stage!r}", f"its settings are wrong:{told}") from error
