"""Gate 2: a config becomes a plan, or one error that lists all that is wrong with it."""

from nextgpt_registry.plan.model import (
    STAGES,
    VOCABULARY,
    ChannelPlan,
    DecoderPlan,
    EncoderPlan,
    InputPlan,
    OutputPlan,
    Part,
    Plan,
    Side,
)
from nextgpt_registry.plan.resolve import Planned, make_plan, plan_system, plugins_of, resolve
from nextgpt_registry.plan.untrained import account_fetched

__all__ = [
    "STAGES",
    "VOCABULARY",
    "ChannelPlan",
    "DecoderPlan",
    "EncoderPlan",
    "InputPlan",
    "OutputPlan",
    "Part",
    "Plan",
    "Planned",
    "Side",
    "account_fetched",
    "make_plan",
    "plan_system",
    "plugins_of",
    "resolve",
]
