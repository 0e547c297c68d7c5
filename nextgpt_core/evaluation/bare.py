"""The language model of a system as it was before any training, to be talked to."""

from __future__ import annotations

from nextgpt_core.assembly.assemble import assemble, bare_backbone
from nextgpt_core.pipeline import Pipeline
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import Loaded
from nextgpt_registry.plan import plan_system


def bare_pipeline(pipeline: Pipeline) -> Pipeline:
    """A pipeline without channels and adapters, which generates as `pipeline` does.

    Raises:
        SourceError: the language model cannot be had.
    """
    plan, catalog = pipeline.system.plan, pipeline.system.catalog
    config = Config(
        name="bare",
        llm=plan.config.llm.model_copy(update={"lora": None}),
        system_prompt=plan.config.system_prompt,
        generation=plan.config.generation,
        accept_licences=plan.config.accept_licences,
    )
    made = plan_system(Loaded(config, plan.base, "bare"), catalog=catalog)
    return Pipeline(assemble(made.plan, made.catalog, backbone=bare_backbone(plan)))
