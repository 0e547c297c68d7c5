"""The stages that train what is new in a plan, as whoever would run them sees them. Runs none.

That is the core: it knows the settings of a run, and brings what is asked here by an entry point of
the group `nextgpt.stages`, `"module:function"` of `(plan, names) -> tuple of StagePlan`.
"""

from __future__ import annotations

from collections.abc import Sequence

from nextgpt_registry.config import Settings
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.plan.model import Plan
from nextgpt_registry.specs import Target
from nextgpt_registry.targets import resolve

GROUP = "nextgpt.stages"


class StagePlan(Settings):
    """One stage: what it trains, on what, for how long."""

    name: str
    target: Target  # of its dialogues
    parts: tuple[str, ...]
    channels: tuple[str, ...]
    parameters: int
    steps: int
    batch: int
    rehearses: tuple[str, ...] = ()  # the system's own stages, whose dialogues are mixed in
    share: float = 0.0  # of those


def plan_stages(plan: Plan, names: Sequence[str]) -> tuple[StagePlan, ...] | None:
    """The stages of these names, in their order; None where nothing is installed that trains.

    Raises:
        PlanError: one of them cannot be run; everything found is listed.
    """
    found = [entry for entry in installed(GROUP) if not entry.broken]
    if not found:
        return None
    planned: tuple[StagePlan, ...] = resolve(found[0].target)(plan, names)
    return planned
