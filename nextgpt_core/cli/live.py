"""A live system for a command. Imports torch: commands import this when all else is checked."""

from __future__ import annotations

import os

from transformers.utils import logging as transformers_logging

from nextgpt_core.assemble import assemble
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.plan import Plan


def live(plan: Plan, catalog: Catalog) -> Pipeline:
    """The pipeline of a plan, without the noise of the libraries beneath."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return Pipeline(assemble(plan, catalog, merge=True))
