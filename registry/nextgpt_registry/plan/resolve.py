"""Config and catalogue in, plan out: gate 2. Imports no torch, builds nothing, fetches nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.anchors import beside
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import Loaded, load_config
from nextgpt_registry.errors import LockError, PluginError, SourceError
from nextgpt_registry.layers import named_in, plugin_name
from nextgpt_registry.lock import Lock, read_lock
from nextgpt_registry.plan.channels import resolve_channel
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.llm import find_facts, llm_parts
from nextgpt_registry.plan.model import ChannelPlan, Plan
from nextgpt_registry.plan.parts import PartTable
from nextgpt_registry.plan.shared import share_inputs
from nextgpt_registry.plan.signals import check_lock, check_spellings, signal_blocks
from nextgpt_registry.plan.trained import Trained
from nextgpt_registry.plan.untrained import account, known_parts
from nextgpt_registry.specs import Manifest
from nextgpt_registry.targets import absent, blamed


@dataclass(frozen=True)
class Planned:
    """A config as it was read, the plugins that it names, and the plan made of the two."""

    loaded: Loaded
    catalog: Catalog
    plan: Plan


def plan_system(
    source: str | Path | Mapping[str, Any] | Config | Loaded,
    overrides: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
) -> Planned:
    """Whatever names a config, read, with the plugins that it names, and planned.

    No other plugin is imported. `catalog` holds those to use instead.

    Raises:
        ConfigError: the config cannot be read.
        PlanError: it cannot be assembled; everything found is listed.
    """
    loaded = load_config(source, overrides, catalog=catalog)
    catalog = catalog or plugins_of(loaded.config)
    return Planned(loaded, catalog, resolve(loaded, catalog))


def make_plan(
    source: str | Path | Mapping[str, Any] | Config | Loaded,
    overrides: Sequence[str] = (),
    *,
    catalog: Catalog | None = None,
) -> Plan:
    """The plan alone that `plan_system` makes, and it raises the same."""
    return plan_system(source, overrides, catalog=catalog).plan


def resolve(source: Loaded | Config, catalog: Catalog) -> Plan:
    """The plan of a config that was read, made of what the catalogue holds.

    Raises:
        PlanError: it cannot be assembled; everything found is listed, each with its path in the
            config and what would be valid, vetoes of plugins among them.
    """
    loaded = load_config(source)
    config, findings = loaded.config, Findings(loaded.said_by)
    _check_plugins(loaded, catalog, findings)
    _check_data(config, findings)
    lock = _read_lock(loaded, findings)
    facts, checked = find_facts(config, loaded.base, findings)
    channels: dict[str, ChannelPlan] = {}
    for name, settings in config.modalities.items():
        made = resolve_channel(name, settings, facts, catalog, loaded.base, findings)
        if made is not None:
            channels[name] = made
    channels = share_inputs(channels, findings)
    check_spellings(config, channels, findings)
    if facts is None:
        findings.raise_any(config.name)
        raise AssertionError("no facts, and no problem told about it")

    signals = signal_blocks(config, facts, channels, lock)
    known = known_parts(config, channels)
    left_out = named_in(loaded.layers, "modalities").keys() - config.modalities
    trained = Trained(config, lock, loaded.base, findings, known=known, left_out=left_out)
    trained.check_names(lock)
    channels = account(config, channels, signals, facts, trained)
    llm, lora = llm_parts(config, facts, checked, loaded.base, findings)
    table = PartTable(config, loaded.base, trained, findings)
    table.add_llm(llm, lora)
    table.add_vocabulary(facts)
    table.add_signals(signals, facts)
    for channel in channels.values():
        table.add_channel(channel)
    plan = Plan(
        system=config.name,
        origin=loaded.origin,
        extends=loaded.extends,
        base=loaded.base,
        config=config,
        plugins={plugin.name: plugin.version for plugin in catalog.plugins},
        facts=facts,
        channels=channels,
        signals=signals,
        parts=tuple(table.rows),
        weights=trained.weights,
        lock=lock,
        notes=tuple(findings.notes),
        unaccepted=tuple(findings.unaccepted),
    )
    check_lock(plan, findings)
    findings.raise_any(config.name)
    _ask_plugins(plan, catalog, findings)
    findings.raise_any(config.name)
    return plan


def plugins_of(config: Config) -> Catalog:
    """The plugins that a config names.

    Raises:
        PlanError: some cannot be loaded; all of these are listed.
    """
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


def _check_plugins(loaded: Loaded, catalog: Catalog, findings: Findings) -> None:
    there = [plugin.name for plugin in catalog.plugins]
    for index, requirement in enumerate(loaded.config.plugins):
        if plugin_name(requirement) not in there:
            fix = did_you_mean(requirement, there)
            findings.add(f"plugins.{index}", f"{requirement!r} is not loaded", fix)
    if lost := named_in(loaded.layers, "plugins").keys() - there:
        installed = Catalog.discover().plugins  # a list that replaces another one is rare
        names = [p.name for p in installed if p.name in lost and _serves(p.manifest, loaded.config)]
        if names:
            added = ", ".join(f"+{name}" for name in loaded.config.plugins)
            what = f"leaves out {', '.join(names)}, which channels need: a list replaces another"
            findings.add("plugins", what, f"to add to the list, write `plugins: [{added}]`")


def _serves(manifest: Manifest, config: Config) -> bool:
    """Whether a channel is of a modality that the plugin declares, or has a component of it."""
    modalities = {modality.name for modality in manifest.modalities}
    components = {(one.modality, one.name) for one in (*manifest.encoders, *manifest.decoders)}
    return any(
        (modality := channel.modality or name) in modalities
        or (part is not None and (modality, part.name) in components)
        for name, channel in config.modalities.items()
        for part in (channel.encoder, channel.decoder)
    )


def _check_data(config: Config, findings: Findings) -> None:
    """The targets of training data and suites must be there; none is imported."""
    for section, entries in (("training", config.training), ("suites", config.suites)):
        for name, data in entries.items():
            for what, fix in absent(data.target):
                findings.add(f"{section}.{name}.target", what, fix)


def _read_lock(loaded: Loaded, findings: Findings) -> Lock | None:
    if loaded.config.lock is None:
        return None
    try:
        return read_lock(beside(loaded.base, loaded.config.lock))
    except (LockError, SourceError) as error:
        findings.add("lock", f"{error.who}: {error.what}", error.fix)
        return None


def _ask_plugins(plan: Plan, catalog: Catalog, findings: Findings) -> None:
    """Every plugin may veto the finished plan; what it raises is its veto."""
    aside = contextlib.redirect_stdout(sys.stderr)
    for name, call in catalog.each("nextgpt_plan_resolved"):
        with findings.at(f"plugin {name}"), blamed(name, catalog.plugin(name).package), aside:
            call(plan=plan)
