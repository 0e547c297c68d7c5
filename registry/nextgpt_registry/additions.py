"""Channels for a system that is there already: found, and joined to its config. Trains nothing.

What can be added is an *offer*: an addition that a plugin ships, a YAML file that says the same, or
the channels that another saved system has and this one has not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nextgpt_registry.anchors import anchored, beside
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import AdditionSettings, Config, TrainingData
from nextgpt_registry.configfile import Loaded, load_config, name_from, read_settings
from nextgpt_registry.errors import ConfigError, PluginError
from nextgpt_registry.hookspecs import ADDITIONS
from nextgpt_registry.layers import with_plugins
from nextgpt_registry.lock import Lock, read_lock
from nextgpt_registry.paths import local_path
from nextgpt_registry.targets import package_file


@dataclass(frozen=True)
class Offer:
    """What can be added to a system, its sources absolute."""

    name: str
    settings: AdditionSettings
    lock: Lock | None = None  # what its trained parts, if any, were trained with
    accepted: tuple[str, ...] = ()  # licences; a plugin cannot accept its own
    whole: bool = False  # of another system, which may have channels in common with the first


@dataclass(frozen=True)
class Joined:
    """A system's config with the channels of an offer in it, not trained yet."""

    loaded: Loaded
    offer: Offer
    system: str  # the name of the one that is added to
    channels: tuple[str, ...]  # the new ones
    stages: tuple[str, ...]  # that train them, in order

    @property
    def ready(self) -> bool:
        """Whether the offer brings trained parts for every new channel."""
        return all(f"project.{name}" in self.offer.settings.weights for name in self.channels)

    def overridden(self, overrides: Sequence[str]) -> Joined:
        """The same with dotted `key=value` overrides applied to the config.

        Raises:
            ConfigError: one cannot be applied.
        """
        return replace(self, loaded=load_config(self.loaded, overrides))


def find_offer(source: str, *, catalog: Catalog | None = None) -> Offer:
    """What `source` names: an addition, a YAML file of one, or the folder of a saved system.

    A plain name is an addition first and a folder second; write `./depth` for the folder.

    Raises:
        ConfigError: there is no such thing, or it cannot be read.
        PluginError: no plugin offers it.
        LockError: a saved system's lock cannot be read.
    """
    path = local_path(source, who="addition")
    plain = re.fullmatch(r"[\w-]+", source)
    if plain:
        known = catalog or Catalog.naming(ADDITIONS, source)
        if source in known.additions:
            return _of_plugin(source, known)
    if path.is_dir():
        return _of_system(path)
    if path.is_file():
        settings = read_settings(path, AdditionSettings, origin=source)
        return _offer(name_from(path), settings, path)
    if not plain:
        raise ConfigError(
            source, "is no addition, file or folder", "`nextgpt plugins list` names the additions"
        )
    known = catalog or Catalog.discover()
    if source in known.additions:  # that its plugin lists nowhere
        return _of_plugin(source, known)
    if source in {plugin.name for plugin in known.plugins}:
        raise PluginError(
            source,
            "this plugin offers nothing to add to a system",
            "write its channel into a YAML file, with data to train it, and give that file",
        )
    known.addition(source)  # raises, with the alternatives
    raise AssertionError("an addition that is there has been found above")


def join(loaded: Loaded, offer: Offer) -> Joined:
    """The config of a system with the channels of an offer behind its own.

    Raises:
        ConfigError: a channel, stage or suite is there already, or nothing is new.
    """
    config, settings = loaded.config, offer.settings
    if offer.whole:
        settings = _without(settings, config)
        if not settings.modalities:
            raise ConfigError(
                offer.name,
                f"has no channel that {config.name} lacks (it has {_list(config.modalities)})",
                "give a system with another channel",
            )
    stages = _stages(offer, settings)
    for kind, old, new in (
        ("channel", config.modalities, settings.modalities),
        ("stage", config.training, stages),
        ("suite", config.suites, settings.suites),
    ):
        if both := sorted(old.keys() & new.keys()):
            raise ConfigError(
                f"{offer.name} to {config.name}",
                f"the system has a {kind} {_list(both)} already",
                f"add what is new to it, or begin with a system that has no such {kind}",
            )
    channels = tuple(settings.modalities)
    joined = config.model_copy(
        update={
            "name": "-".join((config.name, *channels)),
            "plugins": _with(config.plugins, settings.plugins),
            "modalities": {**config.modalities, **settings.modalities},
            "training": {**config.training, **stages},
            "suites": {**config.suites, **settings.suites},
            "accept_licences": tuple(dict.fromkeys((*config.accept_licences, *offer.accepted))),
        }
    )
    return Joined(replace(loaded, config=joined), offer, config.name, channels, tuple(stages))


def _of_plugin(name: str, catalog: Catalog) -> Offer:
    declared = catalog.addition(name)
    path = package_file(declared.config)
    settings = read_settings(path, AdditionSettings, origin=declared.config)
    plugins = _with((catalog.owner(declared).name,), settings.plugins)
    return _offer(name, settings.model_copy(update={"plugins": plugins}), path)


def _of_system(folder: Path) -> Offer:
    loaded = load_config(folder.absolute())
    config = anchored(loaded.config, loaded.base)
    if config.lock is None:
        raise ConfigError(
            str(folder), "has no lock: nobody knows what it was trained with", "save it anew"
        )
    shared = ("plugins", "modalities", "training", "suites", "weights", "lock")
    return Offer(
        name=config.name,
        settings=AdditionSettings.model_construct(**{key: getattr(config, key) for key in shared}),
        lock=read_lock(beside(loaded.base, config.lock)),
        accepted=config.accept_licences,
        whole=True,
    )


def _offer(name: str, settings: AdditionSettings, path: Path) -> Offer:
    base = path.parent.absolute()
    lock = read_lock(base / settings.lock) if settings.lock else None
    if settings.weights and lock is None:
        raise ConfigError(
            str(path), "has weights, and no lock that says what they fit", "give it `lock`"
        )
    return Offer(name, anchored(settings, base), lock)


def _without(settings: AdditionSettings, config: Config) -> AdditionSettings:
    """Another system's channels that the config lacks, with their own stages and suites."""
    new = {n: c for n, c in settings.modalities.items() if n not in config.modalities}
    training = {
        stage: data
        for stage, data in settings.training.items()
        if data.run.get("channels") and set(data.run["channels"]) <= set(new)
    }
    suites = {n: suite for n, suite in settings.suites.items() if n not in config.suites}
    return settings.model_copy(update={"modalities": new, "training": training, "suites": suites})


def _stages(offer: Offer, settings: AdditionSettings) -> dict[str, TrainingData]:
    """Its stages as they are called in the system, each training the new channels alone."""
    if offer.whole:
        return dict(settings.training)
    found = {}
    for stage, data in settings.training.items():
        run: dict[str, Any] = {"channels": list(settings.modalities), **data.run}
        foreign = sorted(set(run["channels"] or ["all"]) - settings.modalities.keys())
        if foreign:
            raise ConfigError(
                f"{offer.name}: training.{stage}.run.channels",
                f"names {_list(foreign)}, which is not added",
                f"leave it out, or choose from {_list(settings.modalities)}",
            )
        found[f"{offer.name}-{stage}"] = data.model_copy(update={"run": run})
    return found


def _with(first: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(with_plugins(first, [f"+{requirement}" for requirement in more]) or first)


def _list(names: Collection[str] | Mapping[str, Any]) -> str:
    return ", ".join(names)
