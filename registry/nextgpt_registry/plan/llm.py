"""The language model's share of a plan: facts, LoRA, memory. Reads config.json, never weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_registry.config import Config, LLMFacts, LLMSettings, Lora, Weight
from nextgpt_registry.fetch.sources import cached
from nextgpt_registry.llm_facts import (
    complete,
    contradictions,
    given_facts,
    lora_parameters,
    read_said,
    unknown_targets,
)
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import Part
from nextgpt_registry.plan.weights import check_licence, check_place, find_weights
from nextgpt_registry.tokens import highest_text_token


def find_facts(config: Config, base: Path, findings: Findings) -> tuple[LLMFacts | None, str]:
    """The sizes of the language model and where they are from; None if nothing says them."""
    given, folder = given_facts(config.llm.facts), _folder(config.llm, base, findings)
    if not given and folder is None:
        findings.add(
            "llm.facts",
            "the sizes of the language model are not known before it is fetched",
            "give `llm.facts`, or fetch it first with `nextgpt pull`",
        )
        return None, ""
    told = _said(folder, findings)
    facts = _complete(given, told, str(folder / "config.json" if folder else "llm.facts"), findings)
    for name, wanted, found in contradictions(given, told):
        what = f"says {wanted}, config.json says {found}"
        findings.add(f"llm.facts.{name}", what, f"write {found}")
    if facts is not None and folder is not None:
        _check_tokens(folder, facts, findings)
    return facts, ", ".join(["facts"] * bool(given) + ["config.json"] * bool(told))


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
        sources={"llm": weight},
        state=found.state,
        fetch_bytes=found.fetch_bytes,
    )
    return part, _lora(llm, llm.lora, facts, findings) if llm.lora else None


def _lora(llm: LLMSettings, lora: Lora, facts: LLMFacts, findings: Findings) -> Part:
    if not lora.targets:
        findings.add("llm.lora.targets", "name no layer", "name some, or leave llm.lora out")
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


def _said(folder: Path | None, findings: Findings) -> dict[str, Any]:
    """What the model in a folder says of itself."""
    told: dict[str, Any] = {}
    with findings.at("llm.facts"):
        told = read_said(folder) if folder else {}
    return told


def _complete(
    given: dict[str, Any], told: dict[str, Any], who: str, findings: Findings
) -> LLMFacts | None:
    found: LLMFacts | None = None
    with findings.at("llm.facts"):
        found = complete(given, told, who=who)
    return found


def _folder(llm: LLMSettings, base: Path, findings: Findings) -> Path | None:
    """The model's folder, where it is one and is here."""
    if not isinstance(llm.path, str):
        return None
    folder: Path | None = None
    with findings.at("llm.path"):
        folder = cached(llm.path, sha256=llm.sha256, base=base)
    return folder if folder is not None and (folder / "config.json").is_file() else None


def _check_tokens(folder: Path, facts: LLMFacts, findings: Findings) -> None:
    """Every id that a text may be given has a row: those behind the rows are signals."""
    last = highest_text_token(folder)
    if last is not None and last[0] >= facts.vocabulary:
        findings.add(
            "llm.path",
            f"its tokenizer gives {last[1]!r} the id {last[0]}, and the model has rows for "
            f"{facts.vocabulary}",
            "use the tokenizer that the model was trained with, or a model resized for this one",
        )
