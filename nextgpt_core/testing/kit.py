"""A live system on a tiny language model, for tests of the core and of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nextgpt_core.builder import Builder
from nextgpt_core.model import PARTS
from nextgpt_core.pipeline import Pipeline
from nextgpt_core.testing.tiny import save_tiny_llm
from nextgpt_core.testing.toy import ToyPlugin
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import load_config

_PROJECTION = {"kind": "query", "options": {"width": 16, "layers": 1, "heads": 2, "ffn": 32}}
_TOY: Mapping[str, Any] = {"encoder": "rows", "decoder": "painter"}


@dataclass(frozen=True)
class SystemKit:
    """Builds systems in a folder: `SystemKit(tmp_path).pipeline()` speaks in glyphs.

    For a plugin of your own, name it and its channels:
    `SystemKit(tmp_path, plugins={"depth": None}, channels={"depth": {"encoder": "patch"}})`.
    """

    folder: Path
    plugins: Mapping[str, Any] = field(default_factory=lambda: {"toy": ToyPlugin()})
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"glyph": _TOY})

    @property
    def llm(self) -> Path:
        """The folder of the tiny language model, written at first use."""
        folder = self.folder / "tiny-llm"
        if not (folder / "config.json").is_file():
            save_tiny_llm(folder)
        return folder

    @property
    def builder(self) -> Builder:
        """What the systems are built from."""
        builder = Builder("kit").llm(self.llm)
        for name, plugin in self.plugins.items():
            builder = builder.plugin(name, plugin)
        for name, settings in self.channels.items():
            builder = builder.channel(name, **{"output_projection": _PROJECTION, **settings})
        return builder.set(generation={"max_tokens": 12})

    def trained(self, **settings: Any) -> Config:
        """A config, to be written into `folder`, whose parts count as trained: random ones there.

        `settings` are top-level ones of the config.
        """
        builder = self.builder.set(**settings)
        with builder.build(untrained=True) as pipeline:
            pipeline.system.model.mark_trained(PARTS)
            saved = load_config(
                pipeline.save(self.folder / "trained"), catalog=builder.catalog
            ).config
        weights = {
            part: {"source": f"file:trained/{part}.safetensors", "sha256": weight.sha256}
            for part, weight in saved.weights.items()
        }
        return builder.set(weights=weights).config()

    def pipeline(self, *overrides: str) -> Pipeline:
        """A live system, with `key=value` overrides; untrained, and run all the same."""
        return self.builder.build(*overrides, untrained=True)
