"""A live system for a command. Imports torch: commands import this when all else is checked."""

from __future__ import annotations

from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.cli.quiet import quiet
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.fetch.progress import busy
from nextgpt_registry.plan import Planned


def live(planned: Planned, *, untrained: bool = False) -> Pipeline:
    """The pipeline of a plan, without the noise of the libraries beneath.

    Encoders and decoders are built at their first use: one that no request needs costs nothing.
    """
    quiet()
    with busy(f"loading {planned.plan.system}"):
        return Pipeline(
            assemble(planned.plan, planned.catalog, merge=True, defer=True), untrained=untrained
        )
