"""The signal blocks of a plan, and its agreement with the lock. Knows no token's text but ours."""

from __future__ import annotations

from collections.abc import Mapping

from nextgpt_registry.config import Config, LLMFacts
from nextgpt_registry.lock import FIX, Lock, Signals, differences
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import ChannelPlan, Plan


def signal_blocks(
    config: Config, facts: LLMFacts, channels: Mapping[str, ChannelPlan], lock: Lock | None
) -> Signals:
    """The locked blocks as they are, then one for each channel that speaks and has none."""
    locked = lock.signals if lock else Signals(base=facts.vocabulary)
    return locked.extended(
        {
            name: (_count(config, channel), _spelling(config, name))
            for name, channel in channels.items()
            if channel.decoder
        }
    )


def check_spellings(
    config: Config, channels: Mapping[str, ChannelPlan], findings: Findings
) -> None:
    """No two signals may be written alike."""
    owners: dict[str, str] = {}
    for name, channel in channels.items():
        if channel.decoder is None:
            continue
        at, spelling = f"modalities.{name}.spelling", _spelling(config, name)
        if "{i}" not in spelling:
            findings.add(at, f"{spelling!r} does not number the signals", "e.g. '[IMG{i}]'")
            continue
        for index in range(_count(config, channel)):
            owner = owners.setdefault(spelling.replace("{i}", str(index)), name)
            if owner != name:
                findings.add(at, f"{spelling!r} is how {owner!r} is spelled, too", "change one")
                break


def check_lock(plan: Plan, findings: Findings) -> None:
    """Whatever a plan and its lock both have must agree."""
    lock = plan.lock
    if lock is None:
        return
    pins = {name: weight.sha256 for name, weight in plan.weights.items() if weight.sha256}
    for difference in differences(lock, plan.to_lock(weights=pins)):
        findings.add(
            f"lock.{difference.path}",
            f"locked {difference.locked!r}, found {difference.found!r}",
            FIX,
        )
    for block in lock.signals.blocks:
        channel = plan.config.modalities.get(block.channel)
        if channel and channel.spelling and channel.spelling != block.spelling:
            findings.add(
                f"modalities.{block.channel}.spelling",
                f"is {channel.spelling!r}, the lock says {block.spelling!r}",
                "spell it as the lock does",
            )


def _count(config: Config, channel: ChannelPlan) -> int:
    """How many signals a group of a channel that speaks has."""
    assert channel.decoder is not None
    return config.modalities[channel.name].signals or channel.decoder.spec.signals


def _spelling(config: Config, channel: str) -> str:
    return config.modalities[channel].spelling or f"<|{channel}:{{i}}|>"
