"""The language model's share of a plan: facts, LoRA, memory. Reads config.json, never weights."""

from __future__ import annotations

from pathlib import Path

from nextgpt_registry.config import Config, LLMFacts, LLMSettings, Lora, Weight
from nextgpt_registry.llm_facts import lora_parameters, read_facts, unknown_targets
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import Part
from nextgpt_registry.plan.weights import check_licence, check_place, find_weights
from nextgpt_registry.sources import cached

_SAME = ("family", "width", "layers", "vocabulary", "tied", "parameters")


def find_facts(config: Config, base: Path, findings: Findings) -> tuple[LLMFacts | None, str]:
    """The sizes of the language model and where they are from; None if nothing says them."""
    given, read = config.llm.facts, _read(config.llm, base, findings)
    if given is None and read is None:
        findings.add(
            "llm.facts",
            "the sizes of the language model are not known before it is fetched",
            "give `llm.facts`, or fetch it first with `nextgpt pull`",
        )
        return None, ""
    if given is None:
        return read, "config.json"
    if read is not None:
        for name in _SAME:
            wanted, found = getattr(given, name), getattr(read, name)
            if wanted != found:
                findings.add(
                    f"llm.facts.{name}",
                    f"says {wanted}, config.json says {found}",
                    f"write {found}",
                )
    return given, "facts" if read is None else "facts, config.json"


def llm_parts(
    config: Config, facts: LLMFacts, checked: str, base: Path, findings: Findings
) -> tuple[Part, Part | None]:
    """The rows of the language model and of its LoRA, if it has one."""
    llm = config.llm
    if not -facts.layers - 1 <= llm.layer <= facts.layers:
        findings.add(
            "llm.layer", f"{llm.layer} is no layer of {facts.layers}", f"0 to {facts.layers}, or -1"
        )
    size = check_place(llm, "llm", findings)
    check_licence(llm.licence, "llm.licence", config, findings)
    if llm.template is not None:
        find_weights(Weight(source=llm.template), "llm.template", base, findings)
    weight = Weight(source=llm.path, sha256=llm.sha256, bytes=llm.bytes)
    found = find_weights(weight, "llm.path", base, findings)
    part = Part(
        name="llm",
        what=facts.family,
        parameters=facts.parameters,
        dtype=llm.dtype,
        bytes=facts.parameters * size,
        device=llm.device,
        licence=llm.licence,
        checked=f"{checked}, unverified" if llm.unverified else checked,
        state=found.state,
        fetch_bytes=found.fetch_bytes,
    )
    return part, _lora(llm, llm.lora, facts, findings) if llm.lora else None


def _lora(llm: LLMSettings, lora: Lora, facts: LLMFacts, findings: Findings) -> Part:
    for target in unknown_targets(facts, lora):
        findings.add(
            "llm.lora.targets",
            f"the model has no linear layer {target!r}",
            f"known: {', '.join(facts.linears)}",
        )
    if not facts.linears:
        findings.note("llm.facts has no `linears`, so the size of the LoRA is not counted")
    parameters = lora_parameters(facts, lora)
    return Part(
        name="lora",
        what=f"r={lora.r} on {', '.join(lora.targets)}",
        parameters=parameters,
        stages=(3,),
        bytes=4 * parameters,
        device=llm.device,
        checked="counted" if facts.linears else "unknown",
    )


def _read(llm: LLMSettings, base: Path, findings: Findings) -> LLMFacts | None:
    """The facts in the model's folder, where it is one and is here."""
    if not isinstance(llm.path, str):
        return None
    found: LLMFacts | None = None
    with findings.at("llm.path"):
        folder = cached(llm.path, sha256=llm.sha256, base=base)
        if folder is not None and (folder / "config.json").is_file():
            found = read_facts(folder)
    return found
