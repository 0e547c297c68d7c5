"""What the diffusers plugin declares. Imports no decoder and no model."""

from __future__ import annotations

from nextgpt_diffusers.decoders import DECODERS
from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.specs import Manifest


@hookimpl
def nextgpt_manifest() -> Manifest:
    """Declare `diffusers` for pictures, videos and sound, and the models that are known by name."""
    return Manifest(
        api="1.0",
        summary="any known pipeline of diffusers, from its folder; some current models by name",
        license="Apache-2.0",
        decoders=DECODERS,
    )
