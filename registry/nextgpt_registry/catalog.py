"""All that the loaded plugins declare, looked up by name. Builds nothing and imports no target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pluggy

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.entrypoints import Installed, installed
from nextgpt_registry.errors import PluginError
from nextgpt_registry.hookspecs import ENTRY_POINTS, hookimpl
from nextgpt_registry.loading import Plugin, import_plugin, manifest_of, new_manager
from nextgpt_registry.projections import BUNDLED
from nextgpt_registry.specs import (
    Addition,
    Decoder,
    Encoder,
    Manifest,
    Modality,
    Projection,
    System,
)

_T = TypeVar("_T")
_KINDS = ("modalities", "encoders", "decoders", "projections", "systems", "additions")


class Catalog:
    """The loaded plugins in order, what each failed one failed with, and the hooks.

    Made by `discover` (what is installed) or `of` (objects at hand), then never changed.
    """

    def __init__(self, plugins: Sequence[Plugin], failures: Mapping[str, PluginError]) -> None:
        self.plugins = tuple(plugins)
        self.failures = dict(failures)
        self._manager = new_manager()
        for plugin in reversed(self.plugins):  # pluggy asks the last registered first
            self._manager.register(plugin.module, plugin.name)

    @classmethod
    def discover(cls, names: Sequence[str] | None = None) -> Catalog:
        """The installed plugins called `names`, in that order; all of them, by name, if None.

        A name may carry versions, as in `"depth>=0.1"`. Only what is named is imported.

        Raises:
            PluginError: a plugin asked for by name is absent, broken or clashes with another.
                With `names=None` nothing raises: see `failures`.
        """
        entries = installed(ENTRY_POINTS)
        plugins: list[Plugin] = []
        if names is not None:
            for name in names:
                _append(import_plugin(_wanted(name, entries)), plugins)
            return cls(plugins, {})
        failures: dict[str, PluginError] = {}
        for entry in entries:
            try:
                _append(import_plugin(entry), plugins)
            except PluginError as error:
                failures[entry.name] = error
        return cls(plugins, failures)

    @classmethod
    def naming(cls, group: str, name: str) -> Catalog:
        """The one plugin whose distribution lists `name` in the group `SYSTEMS` or `ADDITIONS`.

        Empty where none does; no other plugin is imported.

        Raises:
            PluginError: two list it, or the one that does cannot be loaded.
        """
        for entry in installed(group):
            if entry.name == name:
                return cls([import_plugin(_lister(entry))], {})
        return cls((), {})

    @classmethod
    def of(cls, plugins: Mapping[str, Any]) -> Catalog:
        """A catalogue of the objects given: modules, classes, instances with hooks, or manifests.

        Raises:
            PluginError: one of them breaks the protocol, or two clash.
        """
        made: list[Plugin] = []
        for name, given in plugins.items():
            module = _declaring(given) if isinstance(given, Manifest) else given
            _append(Plugin(name, manifest_of(name, module), module), made)
        return cls(made, {})

    def __add__(self, other: Catalog) -> Catalog:
        """Both catalogues' plugins, these first.

        Raises:
            PluginError: two plugins clash.
        """
        plugins = list(self.plugins)
        for plugin in other.plugins:
            _append(plugin, plugins)
        return Catalog(plugins, {**self.failures, **other.failures})

    @property
    def hook(self) -> pluggy.HookRelay:
        """Calls hooks of all plugins, in plugin order: `catalog.hook.nextgpt_read_media(…)`."""
        return self._manager.hook

    def each(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Plugin name and caller, for each plugin that implements `hook`."""
        for plugin in self.plugins:
            if hook not in plugin.hooks:
                continue
            others = [p.module for p in self.plugins if p is not plugin]
            yield plugin.name, self._manager.subset_hook_caller(hook, others)

    @property
    def modalities(self) -> dict[str, Modality]:
        """All declared modalities by name, in plugin order."""
        return {m.name: m for plugin in self.plugins for m in plugin.manifest.modalities}

    @property
    def systems(self) -> dict[str, System]:
        """All shipped systems by name, in plugin order."""
        return {s.name: s for plugin in self.plugins for s in plugin.manifest.systems}

    @property
    def additions(self) -> dict[str, Addition]:
        """All that can be added to a trained system, by name, in plugin order."""
        return {a.name: a for plugin in self.plugins for a in plugin.manifest.additions}

    def encoders(self, modality: str) -> dict[str, Encoder]:
        """The encoders of one modality by name, in plugin order."""
        return {
            e.name: e for p in self.plugins for e in p.manifest.encoders if e.modality == modality
        }

    def decoders(self, modality: str) -> dict[str, Decoder]:
        """The decoders of one modality by name, in plugin order."""
        return {
            d.name: d for p in self.plugins for d in p.manifest.decoders if d.modality == modality
        }

    def projections(self, side: str) -> dict[str, Projection]:
        """The kinds of projection of one side by name: those that are always there come first."""
        brought = (p for plugin in self.plugins for p in plugin.manifest.projections)
        return {p.name: p for p in (*BUNDLED, *brought) if p.side == side}

    def modality(self, name: str) -> Modality:
        """The modality called `name`; `PluginError` with the alternatives if there is none."""
        return self._one("modality", name, self.modalities)

    def encoder(self, modality: str, name: str) -> Encoder:
        """The encoder of a modality; `PluginError` with the alternatives if there is none."""
        return self._one(f"{modality} encoder", name, self.encoders(modality))

    def decoder(self, modality: str, name: str) -> Decoder:
        """The decoder of a modality; `PluginError` with the alternatives if there is none."""
        return self._one(f"{modality} decoder", name, self.decoders(modality))

    def system(self, name: str) -> System:
        """The system called `name`; `PluginError` with the alternatives if there is none."""
        return self._one("system", name, self.systems)

    def addition(self, name: str) -> Addition:
        """The addition called `name`; `PluginError` with the alternatives if there is none."""
        return self._one("addition", name, self.additions)

    def plugin(self, name: str) -> Plugin:
        """The loaded plugin called `name`; `PluginError` with the alternatives if there is none."""
        if name in self.failures:
            raise self.failures[name]
        return self._one("plugin", name, {p.name: p for p in self.plugins})

    def owner(
        self, declared: Modality | Encoder | Decoder | Projection | System | Addition
    ) -> Plugin:
        """The plugin that declares it."""
        for plugin in self.plugins:
            if any(declared in getattr(plugin.manifest, kind) for kind in _KINDS):
                return plugin
        raise PluginError(declared.name, "is declared by no loaded plugin", self._loaded())

    def _one(self, kind: str, name: str, known: Mapping[str, _T]) -> _T:
        if name in known:
            return known[name]
        fix = did_you_mean(name, known)
        if self.failures:
            fix += f"; plugins that failed to load: {', '.join(self.failures)}"
        raise PluginError(
            f"{kind} {name!r}", f"is declared by none of the loaded plugins ({self._loaded()})", fix
        )

    def _loaded(self) -> str:
        return ", ".join(plugin.name for plugin in self.plugins) or "none"


def _wanted(requirement: str, entries: Sequence[Installed]) -> Installed:
    """The entry that a config's `"depth>=0.1"` asks for."""
    from packaging.requirements import InvalidRequirement, Requirement  # 20 ms; only with names

    try:
        asked = Requirement(requirement)
    except InvalidRequirement as error:
        raise PluginError(
            repr(requirement), f"cannot be read: {error}", "write a name, or e.g. 'depth>=0.1'"
        ) from error
    for entry in entries:
        if entry.name != asked.name:
            continue
        if not entry.broken and not asked.specifier.contains(entry.version, prereleases=True):
            raise PluginError(
                asked.name,
                f"version {entry.version} is installed, {asked.specifier} is wanted",
                f"install {entry.dist}{asked.specifier}",
            )
        return entry
    fix = f"install the plugin, or correct the name: {did_you_mean(asked.name, _names(entries))}"
    raise PluginError(asked.name, "no plugin of this name is installed", fix)


def _lister(entry: Installed) -> Installed:
    """The plugin that an entry of `SYSTEMS` or `ADDITIONS` names."""
    if entry.broken:
        raise entry.broken
    for plugin in installed(ENTRY_POINTS):
        if (plugin.dist, plugin.target) == (entry.dist, entry.target):
            return plugin
    raise PluginError(
        entry.dist,
        f"lists {entry.name!r} as of {entry.target!r}, and has no such plugin",
        f"name a target that its entry points {ENTRY_POINTS!r} name",
    )


def _names(entries: Sequence[Installed]) -> list[str]:
    return [entry.name for entry in entries]


def _declaring(manifest: Manifest) -> Any:
    class Declaring:
        @hookimpl
        def nextgpt_manifest(self) -> Manifest:
            return manifest

    return Declaring()


def _append(new: Plugin, plugins: list[Plugin]) -> None:
    """Add a plugin, unless it clashes with one that is there."""
    if both := _keys(new.manifest, "projections") & {_key(one) for one in BUNDLED}:
        raise PluginError(
            new.name, f"declares projections that are there: {', '.join(sorted(both))}", "rename it"
        )
    for old in plugins:
        if old.name == new.name:
            raise PluginError(new.name, "is named twice", "name each plugin once")
        for kind in _KINDS:
            shared = _keys(new.manifest, kind) & _keys(old.manifest, kind)
            if shared:
                raise PluginError(
                    new.name,
                    f"declares {kind} that plugin {old.name!r} declares too: "
                    + ", ".join(sorted(shared)),
                    "use one of the two plugins, or rename in one",
                )
    plugins.append(new)


def _keys(manifest: Manifest, kind: str) -> set[str]:
    return {_key(declared) for declared in getattr(manifest, kind)}


def _key(declared: Any) -> str:
    """Its name, with what it is of: names are unique among components of one modality."""
    of = getattr(declared, "modality", "") or getattr(declared, "side", "")
    return f"{of}/{declared.name}" if of else str(declared.name)
