"""Config and catalogue in, plan out: gate 2. Imports no torch, builds nothing, fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, LLMFacts
from nextgpt_registry.configfile import Loaded, load_config
from nextgpt_registry.errors import LockError, PluginError
from nextgpt_registry.lock import FIX, Lock, Signals, differences, read_lock
from nextgpt_registry.plan.channels import resolve_channel
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.llm import find_facts, llm_parts
from nextgpt_registry.plan.model import ChannelPlan, Part, Plan
from nextgpt_registry.plan.parts import (
    Trained,
    channel_parts,
    check_lora,
    check_names,
    signal_part,
)
from nextgpt_registry.targets import blamed, locate


def make_plan(
    source: str | Path | Mapping[str, Any] | Config | Loaded,
    overrides: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
) -> Plan:
    """The plan of whatever names a config, with the plugins that it names.

    Raises:
        ConfigError: the config cannot be read.
        PlanError: it cannot be assembled; everything found is listed.
    """
    loaded = load_config(source, overrides, catalog=catalog)
    return resolve(loaded, catalog or _discover(loaded.config))


def resolve(source: Loaded | Config, catalog: Catalog) -> Plan:
    """The plan of a config that was read, made of what the catalogue holds.

    Raises:
        PlanError: it cannot be assembled; everything found is listed, each with its path in the
            config and what would be valid, vetoes of plugins among them.
    """
    loaded = load_config(source)
    config, findings = loaded.config, Findings()
    _check_plugins(config, catalog, findings)
    _check_data(config, findings)
    lock = _read_lock(loaded, findings)
    facts, checked = find_facts(config, loaded.base, findings)
    channels: dict[str, ChannelPlan] = {}
    for name, channel in config.modalities.items():
        made = resolve_channel(name, channel, facts, catalog, findings)
        if made is not None:
            channels[name] = made
    _check_spellings(config, channels, findings)
    if facts is None:
        findings.raise_any(config.name)
        raise AssertionError("no facts, and no problem told about it")

    signals = _signals(config, facts, channels, lock)
    trained = Trained(config, lock, loaded.base, findings)
    check_names(config, channels, lock, findings)
    plan = Plan(
        system=config.name,
        origin=loaded.origin,
        base=loaded.base,
        config=config,
        plugins={plugin.name: plugin.version for plugin in catalog.plugins},
        facts=facts,
        channels=channels,
        signals=signals,
        parts=_parts(loaded, facts, checked, channels, signals, trained, findings),
        weights=trained.weights,
        lock=lock,
        notes=tuple(findings.notes),
    )
    if lock is not None:
        pins = {name: w.sha256 for name, w in plan.weights.items() if w.sha256}
        for difference in differences(lock, plan.to_lock(weights=pins)):
            findings.add(f"lock: {difference.path}", str(difference).partition(": ")[2], FIX)
    findings.raise_any(config.name)
    _ask_plugins(plan, catalog, findings)
    findings.raise_any(config.name)
    return plan


def _parts(
    loaded: Loaded,
    facts: LLMFacts,
    checked: str,
    channels: Mapping[str, ChannelPlan],
    signals: Signals,
    trained: Trained,
    findings: Findings,
) -> tuple[Part, ...]:
    config, base = loaded.config, loaded.base
    rows = llm_parts(config, facts, checked, base, findings)
    parts = [rows[0], *(check_lora(row, trained, findings) for row in rows[1:])]
    if signals.count:
        parts.append(signal_part(signals, facts, trained, findings))
    trunks: set[str] = set()
    for channel in channels.values():
        parts += channel_parts(channel, trained, config, base, findings, trunks)
    return tuple(parts)


def _signals(
    config: Config, facts: LLMFacts, channels: Mapping[str, ChannelPlan], lock: Lock | None
) -> Signals:
    """The locked blocks as they are, then one for each channel that speaks and has none."""
    locked = lock.signals if lock else Signals(base=facts.vocabulary)
    return locked.extended(
        {
            name: (channel.decoder.spec.signals, _spelling(config, name))
            for name, channel in channels.items()
            if channel.decoder
        }
    )


def _spelling(config: Config, channel: str) -> str:
    return config.modalities[channel].spelling or f"<|{channel}:{{i}}|>"


def _check_spellings(
    config: Config, channels: Mapping[str, ChannelPlan], findings: Findings
) -> None:
    """No two signals may be written alike."""
    owners: dict[str, str] = {}
    for name, channel in channels.items():
        if channel.decoder is None:
            continue
        spelling = _spelling(config, name)
        count = channel.decoder.spec.signals
        if count > 1 and "{i}" not in spelling:
            findings.add(
                f"modalities.{name}.spelling", f"{spelling!r} has no {{i}}", "e.g. '[IMG{i}]'"
            )
            continue
        for index in range(count):
            owner = owners.setdefault(spelling.replace("{i}", str(index)), name)
            if owner != name:
                findings.add(
                    f"modalities.{name}.spelling",
                    f"{spelling!r} is also how {owner!r} is spelled",
                    "spell it differently",
                )
                break


def _discover(config: Config) -> Catalog:
    """The plugins that a config names; all that cannot be loaded are told at once."""
    try:
        return Catalog.discover(config.plugins)
    except PluginError as first:
        findings = Findings()
        for index, name in enumerate(config.plugins):
            with findings.at(f"plugins.{index}"):
                Catalog.discover([name])
        if not findings.problems:  # each alone is fine: two of them clash
            findings.add("plugins", f"{first.who}: {first.what}", first.fix)
        findings.raise_any(config.name)
        raise


def _check_plugins(config: Config, catalog: Catalog, findings: Findings) -> None:
    loaded = {plugin.name for plugin in catalog.plugins}
    for index, requirement in enumerate(config.plugins):
        name = requirement.split(">")[0].split("<")[0].split("=")[0].split("!")[0].split("~")[0]
        if name.strip() not in loaded:
            findings.add(
                f"plugins.{index}", f"{requirement!r} is not loaded", f"loaded: {sorted(loaded)}"
            )


def _check_data(config: Config, findings: Findings) -> None:
    """The targets of training data and suites must be in a module that is there."""
    for section, entries in (("training", config.training), ("suites", config.suites)):
        for name, data in entries.items():
            module = data.target.partition(":")[0]
            if locate(module) is None:
                findings.add(
                    f"{section}.{name}.target", f"there is no module {module}", "install it"
                )


def _read_lock(loaded: Loaded, findings: Findings) -> Lock | None:
    if loaded.config.lock is None:
        return None
    try:
        return read_lock(loaded.base / loaded.config.lock)
    except LockError as error:
        findings.add("lock", f"{error.who}: {error.what}", error.fix)
        return None


def _ask_plugins(plan: Plan, catalog: Catalog, findings: Findings) -> None:
    """Every plugin may veto the finished plan; what it raises is its veto."""
    for name, call in catalog.each("nextgpt_plan_resolved"):
        with findings.at(f"plugin {name}"), blamed(name):
            call(plan=plan)
