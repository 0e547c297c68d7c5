"""What peft wrote beside its adapters: how they were made, held against the system's `llm.lora`.

A tensor's shape says its rank, and not by how much it is scaled: alpha is in this file only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nextgpt_registry.config import Lora
from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import SourceError

CONFIG = "adapter_config.json"
_OTHER = ("use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "fan_in_fan_out")
"""What makes another sum out of the same tensors."""


def check_adapters(folder: Path, lora: Lora | None) -> None:
    """Hold rank, alpha and target layers of a folder's adapters against the system's.

    Raises:
        SourceError: the file is not there, cannot be read, or says anything else; all is listed.
    """
    path = folder / CONFIG
    found = _read(path)
    if lora is None:
        raise SourceError(
            str(path), "is of LoRA adapters, which this system has not", f"add {_wanted(found)}"
        )
    wrong = [
        *_differing(found, lora),
        *(
            f"{name} is {found[name]!r}, which is not done here"
            for name in _OTHER
            if found.get(name)
        ),
    ]
    if wrong:
        raise SourceError(
            str(path),
            f"is not of this system's adapters: {'; '.join(wrong)}",
            f"say {_wanted(found)} to the conversion and to what uses its parts",
        )


def _differing(found: dict[str, Any], lora: Lora) -> list[str]:
    ours = {"r": lora.r, "lora_alpha": lora.alpha, "target_modules": sorted(lora.targets)}
    theirs = {**found, "target_modules": _targets(found)}
    return [
        f"{name} is {theirs.get(name)!r}, the system's is {wanted!r}"
        for name, wanted in ours.items()
        if theirs.get(name) != wanted
    ]


def _targets(found: dict[str, Any]) -> Any:
    """A list in any order; a pattern stays what it is, and is no list of the system's."""
    said = found.get("target_modules")
    return sorted(map(str, said)) if isinstance(said, list) else said


def _wanted(found: dict[str, Any]) -> str:
    """The overrides that would make the system's adapters those of the file."""
    targets = _targets(found)
    listed = ",".join(targets) if isinstance(targets, list) else targets
    lora = f"r: {found.get('r')}, alpha: {found.get('lora_alpha')}, targets: [{listed}]"
    return f"'llm.lora={{{lora}}}'"


def _read(path: Path) -> dict[str, Any]:
    fix = "take it from where the adapters were written: only it says how they are scaled"
    found = read_json(path, error=SourceError, fix=fix)
    if not isinstance(found, dict):
        raise SourceError(str(path), f"holds a {type(found).__name__}", "take the file peft wrote")
    return found
