"""A plan's parts built on the meta device and counted: real classes, no memory, no weights.

What `nextgpt plan --meta` shows. Parts whose numbers are rows of the language model stay as the
plan counted them, and so do the language model without its config.json and a component whose
class refuses that device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from nextgpt_core.project import planned_input, planned_output
from nextgpt_registry.errors import PlanError, Problem
from nextgpt_registry.fetch.sources import cached
from nextgpt_registry.plan import ChannelPlan, DecoderPlan, EncoderPlan, Part, Plan
from nextgpt_registry.targets import options_model, resolve

MEASURED = "meta"


@dataclass(frozen=True)
class Count:
    """What the class of a part holds."""

    part: str
    parameters: int


def measure(plan: Plan) -> Plan:
    """The plan, with `meta` where its size was counted on the real class.

    Raises:
        PlanError: a class holds another number than the plan says; all are listed.
    """
    with _quiet():
        found = {count.part: count.parameters for count in _counts(plan)}
    rows = [_measured(part, found) for part in plan.parts]
    wrong = [
        Problem(
            part.name,
            f"{part.what!r} is said to have {part.parameters:,} parameters, "
            f"its class has {found[part.name]:,}",
            "correct what declares it",
        )
        for part in plan.parts
        if part.name in found and part.parameters != found[part.name]
    ]
    if wrong:
        raise PlanError(plan.system, wrong)
    return plan.model_copy(update={"parts": tuple(rows)})


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' word on what reading media would take: here nothing is read."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _measured(part: Part, found: dict[str, int]) -> Part:
    return part.model_copy(update={"checked": MEASURED}) if part.name in found else part


def _counts(plan: Plan) -> Iterator[Count]:
    """Each part that is counted once and can be built."""
    once = {part.name for part in plan.parts if part.parameters}
    if (llm := _language_model(plan)) is not None:
        yield Count("llm", _size(llm))
    for name, channel in plan.channels.items():
        for part, module in _modules(plan, name, channel):
            if part in once and module is not None:
                yield Count(part, _size(module))


def _modules(plan: Plan, name: str, channel: ChannelPlan) -> Iterator[tuple[str, Any]]:
    if channel.encoder:
        yield f"{name}.encoder", _component(channel.encoder)
    with torch.device("meta"):
        yield f"{name}.input", planned_input(plan, name, width_llm=plan.facts.width)
        yield f"{name}.output", planned_output(plan, name, width_llm=plan.facts.width)
    if channel.decoder:
        yield f"{name}.decoder", _component(channel.decoder)


def _component(found: EncoderPlan | DecoderPlan) -> nn.Module | None:
    """The component, if its class is a module that can be built without memory."""
    spec = found.spec
    target = resolve(spec.target)
    options = options_model(spec.options).model_validate(found.options)
    try:
        with torch.device("meta"):
            made = target(options)
    except (NotImplementedError, RuntimeError):  # it reads a number while it is built
        return None
    return made if isinstance(made, nn.Module) else None


def _language_model(plan: Plan) -> nn.Module | None:
    """The language model of a folder that is here."""
    llm = plan.config.llm
    if not isinstance(llm.path, str):
        return None
    folder = cached(llm.path, sha256=llm.sha256, base=plan.base)
    if folder is None or not (folder / "config.json").is_file():
        return None
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        made: nn.Module = AutoModelForCausalLM.from_config(config)
    return made


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
