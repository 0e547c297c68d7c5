"""Put a system together in Python. Makes the same `Config` that a file does, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nextgpt_core.pipeline import Pipeline, Source
from nextgpt_registry.anchors import anchored
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import ConfigError, PluginError
from nextgpt_registry.fetch.sources import OnProgress
from nextgpt_registry.paths import local_path, shortened
from nextgpt_registry.specs import Manifest


def _name(what: str, given: object) -> str:
    if not isinstance(given, str):
        raise ConfigError(what, f"its name is a {type(given).__name__}", "give a str")
    return given


@dataclass(frozen=True)
class Builder:
    """Each method returns another builder, so that one may be the base of several systems.

    `Builder().llm("hf:…").plugin("image").channel("image", encoder="clip-b").build()`, or
    `Builder.from_system("mini").plugin("depth").channel("depth", decoder="depth-flow")`
    """

    name: str = "custom"
    _settings: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    _plugins: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse a name that is none."""
        _name("system", self.name)

    @classmethod
    def from_system(
        cls, source: Source, *overrides: str, catalog: Catalog | None = None
    ) -> Builder:
        """All that a system says, to be built on: `Builder.from_system("mini").channel(…)`.

        It keeps the system's name until another is set: `.set(name="mini-with-depth")`.

        Raises:
            ConfigError: the system cannot be read.
        """
        loaded = load_config(source, overrides, catalog=catalog)
        config = anchored(loaded.config, loaded.base)
        settings = config.model_dump(mode="json", exclude_defaults=True, exclude={"plugins"})
        return cls(config.name, _settings=settings, _plugins=dict.fromkeys(config.plugins))

    def llm(self, path: str | Path, **settings: Any) -> Builder:
        """The language model: a source (`hf:…`, `file:…`, …) or the path of a folder."""
        source = (
            f"file:{local_path(path).absolute().as_posix()}" if isinstance(path, Path) else path
        )
        return self.set(llm={"path": source, **settings})

    def plugin(self, name: str, plugin: Any = None) -> Builder:
        """An installed plugin, or an object or manifest at hand under this name.

        Raises:
            PluginError: what is at hand declares nothing.
        """
        declares = isinstance(plugin, Manifest) or hasattr(plugin, "nextgpt_manifest")
        if plugin is not None and not declares:
            what = f"is given as {shortened(plugin)}, a {type(plugin).__name__}"
            fix = "give the name alone, or a Manifest or what has `nextgpt_manifest` with it"
            raise PluginError(f"plugin {shortened(name)}", what, fix)
        return replace(self, _plugins={**self._plugins, _name("plugin", name): plugin})

    def channel(
        self,
        name: str,
        *,
        modality: str | None = None,
        encoder: str | Mapping[str, Any] | None = None,
        decoder: str | Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Builder:
        """A channel; `settings` are the rest of its entry in a config."""
        entry = {"modality": modality, "encoder": encoder, "decoder": decoder, **settings}
        known = self._settings.get("modalities", {})
        if not isinstance(known, Mapping):
            raise ConfigError("modalities", f"are a {type(known).__name__}", "give a dict")
        channels = dict(known)
        channels[_name("channel", name)] = {
            key: value for key, value in entry.items() if value is not None
        }
        return self.set(modalities=channels)

    def set(self, **settings: Any) -> Builder:
        """Any other top-level setting of a config: `generation`, `system_prompt`, `weights`, …

        Raises:
            ConfigError: it is the list of plugins.
        """
        if "plugins" in settings:
            raise ConfigError("plugins", "are set by name", 'write .plugin("NAME") for each')
        return replace(self, _settings={**self._settings, **settings})

    @property
    def catalog(self) -> Catalog:
        """The plugins: those installed, then the objects at hand."""
        installed = [name for name, plugin in self._plugins.items() if plugin is None]
        at_hand = {name: p for name, p in self._plugins.items() if p is not None}
        return Catalog.discover(installed) + Catalog.of(at_hand)

    def config(self, *overrides: str) -> Config:
        """What was said, checked as a file would be.

        Raises:
            ConfigError: something is missing or wrong.
        """
        raw = {"name": self.name, "plugins": list(self._plugins), **self._settings}
        return load_config(raw, overrides).config

    def build(
        self, *overrides: str, untrained: bool = False, progress: OnProgress | None = None
    ) -> Pipeline:
        """The live system; as `Pipeline.from_config`, and raises as that does."""
        return Pipeline.from_config(
            self.config(*overrides), untrained=untrained, catalog=self.catalog, progress=progress
        )
