"""A channel's projections as its plan wants them, with fresh weights."""

from __future__ import annotations

from torch import nn

from nextgpt_core.project.build import build_input, build_output
from nextgpt_core.project.input import InputProjection
from nextgpt_registry.plan import Plan


def planned_input(plan: Plan, channel: str, *, width_llm: int) -> InputProjection | None:
    """The input projection of a channel, for the most tokens of any channel that shares it."""
    made = plan.channels[channel].input
    if made is None:
        return None
    sharing = [plan.channels[name].input for name in plan.sharing(channel)]
    return build_input(
        made.spec,
        made.options,
        tokens=max(each.tokens_in for each in sharing if each),
        width_in=made.width_in,
        width_llm=width_llm,
    )


def planned_output(plan: Plan, channel: str, *, width_llm: int) -> nn.Module | None:
    """The output projection of a channel."""
    made = plan.channels[channel].output
    if made is None:
        return None
    return build_output(
        made.spec,
        made.options,
        width_llm=width_llm,
        signals=made.signals,
        conditions=made.conditions,
    )
