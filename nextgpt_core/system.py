"""A system whose parts are live. Knows nothing about requests or how it was assembled."""

from __future__ import annotations

from dataclasses import dataclass

from nextgpt_core.assembly.components import LiveDecoder
from nextgpt_core.assembly.encoders import LiveEncoder
from nextgpt_core.model import NextGPT
from nextgpt_core.prompt.compose import Composer
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.plan import Plan


@dataclass(frozen=True, eq=False)
class System:
    """A language model, what composes its prompts, and encoders and decoders by channel."""

    plan: Plan
    catalog: Catalog
    model: NextGPT
    composer: Composer
    encoders: dict[str, LiveEncoder]
    decoders: dict[str, LiveDecoder]

    @property
    def config(self) -> Config:
        """What it was assembled from."""
        return self.plan.config
