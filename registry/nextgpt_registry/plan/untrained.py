"""Files of trained parts held to what the plan makes of them, and what no file holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nextgpt_registry.config import Config, LLMFacts
from nextgpt_registry.lock import Signals
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import VOCABULARY, ChannelPlan, Plan, Side
from nextgpt_registry.plan.trained import Trained
from nextgpt_registry.shapes import Shapes
from nextgpt_registry.sizes import input_shapes, options_of, output_shapes


def known_parts(config: Config, channels: Collection[str]) -> list[str]:
    """The names under `weights` that this system has a use for."""
    lora = ["lora"] * bool(config.llm.lora)
    return [*lora, "signals", *(f"project.{name}" for name in channels), VOCABULARY]


def account(
    config: Config,
    channels: Mapping[str, ChannelPlan],
    signals: Signals,
    facts: LLMFacts,
    trained: Trained,
) -> dict[str, ChannelPlan]:
    """The channels, each with what is untrained of it; misfits are noted as problems."""
    trained.check_files(channels)
    if config.llm.lora is not None:
        trained.check_adapters(facts, config.llm.lora)
    trained.check_vocabulary(facts)
    silent = [name for name, channel in channels.items() if channel.decoder is None]
    trained.check_signals(signals, facts, silent)
    for name in channels:
        trained.check_projection(name, sides(channels, name, facts))
    return {
        name: channel.model_copy(update={"untrained": _untrained(channels, name, trained)})
        for name, channel in channels.items()
    }


def account_fetched(plan: Plan) -> None:
    """Hold the files that were fetched since the plan was made to it, as those that were here.

    Raises:
        PlanError: one does not fit; everything found is listed.
    """
    if not any(part.saved and part.state in ("fetch", "missing") for part in plan.parts):
        return
    known, findings = known_parts(plan.config, plan.channels), Findings()
    trained = Trained(plan.config, plan.lock, plan.base, findings, known=known)
    account(plan.config, plan.channels, plan.signals, plan.facts, trained)
    findings.raise_any(plan.system)


def sides(
    channels: Mapping[str, ChannelPlan], name: str, facts: LLMFacts
) -> dict[str, Shapes | None]:
    """The tensors of a channel's projections, by side; None where the config has none."""
    made, found = channels[name], dict[str, Shapes | None](input=None, output=None)
    if made.input:
        tokens = [
            one.tokens_in for other in sharing(channels, name) if (one := channels[other].input)
        ]
        found["input"] = input_shapes(
            made.input.spec,
            options_of(made.input.spec, made.input.options),
            tokens=max(tokens),
            width_in=made.input.width_in,
            width_llm=facts.width,
        )
    if made.output:
        found["output"] = output_shapes(
            made.output.spec,
            options_of(made.output.spec, made.output.options),
            width_llm=facts.width,
            signals=made.output.signals,
            conditions=made.output.conditions,
        )
    return found


def sharing(channels: Mapping[str, ChannelPlan], channel: str) -> tuple[str, ...]:
    """The channels that have one input projection with `channel`, itself among them."""
    own = channels[channel].input
    if own is None or not own.shares:
        return (channel,)
    return tuple(name for name, c in channels.items() if c.input and c.input.shares == own.shares)


def _untrained(
    channels: Mapping[str, ChannelPlan], name: str, trained: Trained
) -> tuple[Side, ...]:
    channel, found = channels[name], list[Side]()
    one = sharing(channels, name)
    if channel.input and not any(trained.has(f"project.{other}", "input") for other in one):
        found.append("input")
    if channel.output and not trained.has(f"project.{name}", "output"):
        found.append("output")
    if channel.decoder and not trained.has("signals", name):
        found.append("signals")
    return tuple(found)
