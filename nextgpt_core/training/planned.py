"""Stages held against the plan of their system, before anything is built. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nextgpt_core.training.settings import RunSettings, rehearsed, stage_of
from nextgpt_registry.errors import TrainingError
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import ChannelPlan, OutputPlan, Plan
from nextgpt_registry.plan.stages import StagePlan
from nextgpt_registry.sizes import options_of, output_shapes

_FIX = "add it to the config (llm.lora, encoders, decoders), or set run.parts"


def planned(plan: Plan, names: Sequence[str]) -> tuple[StagePlan, ...]:
    """The stages of these names, in their order.

    Raises:
        PlanError: the settings of one are wrong, or it trains what is not there.
    """
    findings, found = Findings(), []
    for name in names:
        with findings.at(f"training.{name}.run"):
            data, settings = stage_of(plan.config, name)
            check_parts(plan, settings)
            others = rehearsed(plan.config, settings) if settings.rehearsal else {}
            found.append(
                StagePlan(
                    name=name,
                    target=data.target,
                    parts=settings.parts,
                    channels=tuple(filter(settings.teaches, plan.channels)),
                    parameters=_trained(plan, settings),
                    steps=settings.steps,
                    batch=settings.batch,
                    rehearses=tuple(others),
                    share=settings.rehearsal or 0.0,
                )
            )
    findings.raise_any(plan.system)
    return tuple(found)


def check_parts(plan: Plan, settings: RunSettings) -> None:
    """Hold that what is to be trained is there, and can be.

    Raises:
        TrainingError: it is not.
    """
    named = (*(settings.channels or ()), *settings.alignment_weights)
    strange = [name for name in dict.fromkeys(named) if name not in plan.channels]
    if strange:
        known = ", ".join(plan.channels) or "none"
        raise TrainingError(
            ", ".join(strange), f"is no channel of this system (its channels: {known})", "name one"
        )
    taught = {name: channel for name, channel in plan.channels.items() if settings.teaches(name)}
    inputs = {name: channel.input for name, channel in taught.items() if channel.input}
    outputs = {name: channel for name, channel in taught.items() if channel.output}
    have = {"input": bool(inputs), "lora": plan.config.llm.lora is not None}
    lacking = [part for part in settings.parts if not have.get(part, bool(outputs))]
    if lacking:
        raise TrainingError(", ".join(lacking), "is to be trained, and the system has none", _FIX)
    if "written" in settings.parts and not settings.text:
        raise TrainingError(
            "written", "is learned from the text alone, whose weight is 0", "set text above 0"
        )
    _check_losses(settings, outputs)
    if settings.matching:
        _check_matching(plan, outputs, [name for name in inputs if _captioned(taught[name])])


def _check_losses(settings: RunSettings, outputs: Mapping[str, ChannelPlan]) -> None:
    if "output" in settings.parts and (settings.alignment or settings.denoising):
        mute = [name for name, channel in outputs.items() if not _captioned(channel)]
        if mute:
            raise TrainingError(
                ", ".join(mute),
                "its decoder has neither caption targets nor a denoising loss to learn from",
                "leave the channel's decoder out, or choose another",
            )


def _check_matching(plan: Plan, outputs: Mapping[str, ChannelPlan], both: Sequence[str]) -> None:
    if not both:
        raise TrainingError(
            "matching",
            "no channel has both an encoder and a decoder with caption targets",
            "set run.matching to 0",
        )
    for name, channel in outputs.items():
        made, given = channel.output, channel.input
        if made and given and _bound_to_signals(plan, made, given.tokens):
            raise TrainingError(
                f"output projection of {name}",
                f"reads {made.signals} signals, and matching gives it {given.tokens} tokens",
                "set its kind to query, or matching to 0",
            )


def _captioned(channel: ChannelPlan) -> bool:
    return channel.decoder is not None and channel.decoder.spec.captions


def _trained(plan: Plan, settings: RunSettings) -> int:
    """How many parameters a run moves."""
    count = {part.name: part.parameters for part in plan.parts}
    channels = [name for name in plan.channels if settings.teaches(name)]
    sides = [side for side in ("input", "output") if side in settings.parts]
    rows = [block.count for block in plan.signals.blocks if block.channel in channels]
    tables = 2 if "signals" in settings.parts else 1 if "written" in settings.parts else 0
    lora = count.get("lora", 0) if "lora" in settings.parts else 0
    projections = sum(count.get(f"{name}.{side}", 0) for name in channels for side in sides)
    return lora + projections + tables * sum(rows) * plan.facts.width


def _bound_to_signals(plan: Plan, made: OutputPlan, tokens: int) -> bool:
    """Whether the output projection would be another one if its groups had `tokens` signals."""
    options = options_of(made.spec, made.options)
    own, other = (
        output_shapes(
            made.spec,
            options,
            width_llm=plan.facts.width,
            signals=signals,
            conditions=made.conditions,
        )
        for signals in (made.signals, tokens)
    )
    return own != other
