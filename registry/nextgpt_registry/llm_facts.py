"""The sizes of a language model from its `config.json`. Reads no weights and imports no torch.

`llm_families` knows how the families differ; a family it does not know is counted from the
headers of the safetensors files beside the config. What neither says, a system's config does:
facts that are given fill what is not said, and must not contradict what is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextgpt_registry.config import LLMFacts, Lora
from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import ConfigError
from nextgpt_registry.headers import read_header
from nextgpt_registry.llm_families import SPELLINGS, count_of, is_tied, linears_of, sizes_of

Said = Mapping[str, Any]
"""Fields of `LLMFacts`, as far as they are said."""

_NEEDED = ("family", "parameters", "width", "layers", "vocabulary", "context")
_INNER = ("text_config", "decoder")  # where a config of more than language keeps that part


def read_said(folder: Path) -> dict[str, Any]:
    """What the model in a folder says, in its config and, if there are any, its weights.

    Raises:
        ConfigError: there is no config.json, or it cannot be read.
    """
    path = folder / "config.json"
    config = read_json(path, fix="fetch the model again")
    if not isinstance(config, Mapping):
        what = f"holds a {type(config).__name__}, wanted an object"
        raise ConfigError(str(path), what, "name the folder of a language model")
    headers = [read_header(p) for p in sorted(folder.glob("*.safetensors"))]
    counted = sum(tensor.size for header in headers for tensor in header.values())
    return said_by(config, counted=counted)


def said_by(config: Mapping[str, Any], *, counted: int = 0) -> dict[str, Any]:
    """What a parsed `config.json` says; `counted` parameters were seen in the weights."""
    family = config.get("model_type")
    family = family if isinstance(family, str) else ""
    parts = (config.get(key) for key in _INNER)
    inner = {**config, **next((part for part in parts if isinstance(part, Mapping)), {})}
    kind = str(inner.get("model_type", family))
    tied = inner.get("tie_word_embeddings")
    sizes = sizes_of(kind, inner)
    linears = linears_of(kind, inner, sizes)
    found: dict[str, Any] = {
        "family": family,
        "tied": is_tied(kind, family) if tied is None else bool(tied),
        "linears": linears,
        **{name: size for name, size in sizes.items() if name in _NEEDED},
    }
    found["parameters"] = counted or count_of(kind, inner, sizes, linears, tied=found["tied"])
    return {name: value for name, value in found.items() if value or name == "tied"}


def given_facts(given: LLMFacts | None) -> dict[str, Any]:
    """What a system's config says itself."""
    if given is None:
        return {}
    return {name: getattr(given, name) for name in given.model_fields_set}


def contradictions(given: Said, said: Said) -> list[tuple[str, Any, Any]]:
    """(field, given, said) where a system's config and the model's disagree."""
    found = []
    for name in given.keys() & said.keys() - {"linears"}:
        if given[name] != said[name]:
            found.append((name, given[name], said[name]))
    linears = said.get("linears", {})
    for name, shape in given.get("linears", {}).items():
        if name in linears and tuple(shape) != tuple(linears[name]):
            found.append((f"linears.{name}", tuple(shape), tuple(linears[name])))
    return sorted(found)


def complete(given: Said, said: Said, *, who: str = "config.json") -> LLMFacts:
    """The facts: what is given, and the rest as the model says it.

    Raises:
        ConfigError: together they do not say enough; all that is missing is named.
    """
    known = {**said, **given}
    if linears := {**said.get("linears", {}), **given.get("linears", {})}:
        known["linears"] = linears
    if lacking := [name for name in _NEEDED if not known.get(name)]:
        told = "; ".join(f"{name} (as {SPELLINGS[name][0]})" if name in SPELLINGS else name
                         for name in lacking)  # fmt: skip
        family = known.get("family") or "an unknown"
        raise ConfigError(
            who,
            f"does not say of a model of {family!r} kind: {told}",
            f"give `llm.facts`: {{{', '.join(f'{name}: …' for name in lacking)}}}",
        )
    return LLMFacts.model_validate(known)


def read_facts(folder: Path) -> LLMFacts:
    """The facts of the model in a folder, from its config and, if there are any, its weights.

    Raises:
        ConfigError: there is no config.json, or it does not say enough.
    """
    return complete({}, read_said(folder), who=str(folder / "config.json"))


def lora_parameters(facts: LLMFacts, lora: Lora) -> int:
    """r (in + out) for each adapted linear layer; 0 where the facts name no linear layers."""
    return facts.layers * sum(
        lora.r * (rows + columns)
        for name, (rows, columns) in facts.linears.items()
        if any(_adapts(target, name) for target in lora.targets)
    )


def unknown_targets(facts: LLMFacts, lora: Lora) -> tuple[str, ...]:
    """LoRA targets that name no linear layer of the model; none where the facts name no layers."""
    if not facts.linears:
        return ()
    return tuple(t for t in lora.targets if not any(_adapts(t, name) for name in facts.linears))


def signal_parameters(facts: LLMFacts, signals: int) -> int:
    """The rows of the signal tokens: what they are read as, and what they are written for."""
    return 2 * signals * facts.width


def _adapts(target: str, name: str) -> bool:
    """Whether peft's `target` means the linear layer `name`: equal, or its last parts."""
    return name == target or name.endswith(f".{target}")
