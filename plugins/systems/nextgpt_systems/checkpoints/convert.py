"""A published checkpoint in, the parts of a system out. Knows no tensor's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nextgpt_registry.aside import replacing
from nextgpt_registry.config import LLMFacts
from nextgpt_registry.errors import ConfigError, SourceError
from nextgpt_registry.llm_facts import read_facts
from nextgpt_registry.plan import Plan
from nextgpt_systems.checkpoints import rewrite, tiva
from nextgpt_systems.checkpoints.pickles import write_tensors
from nextgpt_systems.checkpoints.pieces import Layout
from nextgpt_systems.checkpoints.tokens import check_same_tokenizer

_KNOWN = (
    "Vicuna-7B v0 has 32001 rows and a context of 2048, v1.1 and v1.3 have 32000 and 2048, v1.5 "
    "has 32000 and 4096"
)


@dataclass(frozen=True)
class Source:
    """How one layout is read."""

    system: str  # the shipped system it belongs to
    layout: Callable[[Plan, Path], Layout]
    tensors: Callable[[Path], Mapping[str, Tensor]]


LAYOUTS: Mapping[str, Source] = {
    "nextgpt-7b-tiva-v0": Source("nextgpt-7b-v0", tiva.layout, tiva.tensors),
    "nextgpt-7b-v1.5": Source("nextgpt-7b-v1.5", rewrite.layout, rewrite.tensors),
}
"""The checkpoints that can be read, by name."""


def convert(
    name: str, folder: Path, out: Path, plan: Plan, *, llm: Path | None = None
) -> dict[str, Path]:
    """Write the parts of the checkpoint in `folder` to the new folder `out`; part -> file.

    One part is written after the other, each from the mapped file, in the checkpoint's precision.
    `llm` is the language model's folder, to be held against the checkpoint.

    Raises:
        SourceError: a file cannot be read, holds code, or is not what the layout wants.
        ConfigError: `out` is in use, or the system is not one of that layout.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(str(out), "is in use", "name a new folder, or remove it first")
    if llm is not None:
        check_llm(llm, plan.facts)
        check_same_tokenizer(folder, llm)
    source = LAYOUTS[name]
    wanted = source.layout(plan, folder)
    tensors = source.tensors(folder)
    wanted.check(tensors, str(folder))
    with replacing(out) as aside:
        aside.mkdir()
        names = [_write(part, found, aside) for part, found in wanted.parts(tensors)]
    return {name.removesuffix(".safetensors"): out / name for name in names}


def check_llm(folder: Path, facts: LLMFacts) -> None:
    """Hold a language model's sizes against those the checkpoint was trained with.

    Raises:
        SourceError: it is another one.
    """
    found = read_facts(folder)
    names = ("width", "layers", "vocabulary", "context")
    wrong = [
        f"{name} {getattr(found, name)}, wanted {getattr(facts, name)}"
        for name in names
        if getattr(found, name) != getattr(facts, name)
    ]
    if wrong:
        raise SourceError(
            str(folder),
            f"is not the language model this checkpoint was trained on: {'; '.join(wrong)}",
            f"use the one it was trained on ({_KNOWN})",
        )


def _write(part: str, tensors: Mapping[str, Tensor], folder: Path) -> str:
    name = f"{part}.safetensors"
    write_tensors(tensors, folder / name)
    return name
