"""Which parts of a system a stage of training moves, as its name or its config says.

Imports no torch; knows nothing about how a stage is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nextgpt_registry.config import Config, TrainingData

Part = Literal["input", "output", "signals", "written", "lora"]
"""Projections in and out, signal rows, LoRA; `written` are the output rows of the signals alone:
when one is written, not how it is read."""

ROWS = frozenset({"signals", "written"})
"""Those parts that are rows of signals."""

STAGES: Mapping[str, tuple[Part, ...]] = {
    "encode": ("input",),
    "decode": ("output", "signals"),
    "instruct": ("input", "output", "signals", "lora"),
}
"""What each stage of the paper trains; a stage of another name says `parts`."""


def kind(stage: str) -> str:
    """What the stage's name says: `smell-encode` is an `encode`."""
    return stage.rpartition("-")[2]


def parts_of(stage: str, data: TrainingData) -> tuple[str, ...]:
    """The parts that a stage trains; none where neither its settings nor its name says."""
    return tuple(data.run.get("parts") or STAGES.get(kind(stage), ()))


def stages_training(config: Config, side: str, channel: str) -> tuple[str, ...]:
    """The stages of a config that train a side of a channel: `input`, `output` or `signals`."""
    wanted = ROWS if side == "signals" else {side}
    found = []
    for stage, data in config.training.items():
        channels = data.run.get("channels")
        if wanted & set(parts_of(stage, data)) and (channels is None or channel in channels):
            found.append(stage)
    return tuple(found)
