"""A channel's projections as its plan wants them, with fresh weights."""

from __future__ import annotations

from nextgpt_core.project.input import InputProjection, build_input
from nextgpt_core.project.output import OutputProjection, build_output
from nextgpt_registry.plan import Plan


def planned_input(plan: Plan, channel: str, *, width_llm: int) -> InputProjection | None:
    """The input projection of a channel, for the most tokens of any channel that shares it."""
    made = plan.channels[channel].input
    if made is None:
        return None
    sharing = [plan.channels[name].input for name in plan.sharing(channel)]
    return build_input(
        made.kind,
        made.options,
        tokens=max(each.tokens_in for each in sharing if each),
        width_in=made.width_in,
        width_llm=width_llm,
    )


def planned_output(plan: Plan, channel: str, *, width_llm: int) -> OutputProjection | None:
    """The output projection of a channel."""
    made = plan.channels[channel].output
    if made is None:
        return None
    return build_output(
        made.kind,
        made.options,
        width_llm=width_llm,
        signals=made.signals,
        conditions=made.conditions,
    )
