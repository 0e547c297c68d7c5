"""Where weights are, what their headers say, where they would run. Fetches and loads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nextgpt_registry.config import ComponentSettings, Config, LLMSettings, Weight
from nextgpt_registry.fetch.installed import installed_path
from nextgpt_registry.fetch.sources import cached, models_dir
from nextgpt_registry.fetch.syntax import Source
from nextgpt_registry.headers import Header, read_whole_header
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import State

DTYPES: Mapping[str, int] = {"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8}
"""The bytes of one number, by the names a config uses."""

_DEVICE = re.compile(r"auto|cpu|mps|meta|(cuda|xpu)(:\d+)?")
_NON_COMMERCIAL = re.compile(r"\bnc\b|non-?commercial|research", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """The local path of weights, if they are here; else what is known about fetching them."""

    state: State
    path: Path | None = None
    fetch_bytes: int | None = None


def find_weights(weight: Weight, at: str, base: Path, findings: Findings) -> Found:
    """Where one file is; a source that cannot be read, or a local one not there, is a problem."""
    path: Path | None = None
    with findings.at(at):
        path = cached(weight.source, sha256=weight.sha256, base=base)
        if path is not None:
            return Found("here", path)
        sources = [weight.source] if isinstance(weight.source, str) else weight.source
        if any(Source.parse(s).kind == "models" for s in sources):
            findings.note(f"weights that are `missing` are yours to bring, into {models_dir()}")
            return Found("missing")
        if len(sources) == 1 and (only := Source.parse(sources[0])).is_local:
            if only.kind == "package":
                installed_path(only.name, only.path)  # which raises: it is not there
            findings.add(at, f"there is no {only}", f"the path is relative to {base}")
            return Found("missing")
        return Found("fetch", fetch_bytes=weight.bytes)
    return Found("missing")


def find_all(
    weights: Mapping[str, Weight], at: str, base: Path, findings: Findings, told: set[str]
) -> tuple[State, int | None]:
    """Several files as one state and the bytes to fetch, None if any of them is not known.

    `told` are the pins of files that another part has to fetch anyway; those of these are added.
    """
    absent: list[int | None] = []
    missing = False
    for name, weight in weights.items():
        found = find_weights(weight, f"{at}.{name}", base, findings)
        missing = missing or found.state == "missing"
        if found.state == "fetch":
            pin = weight.sha256 or str(weight.source)
            absent.append(0 if pin in told else found.fetch_bytes)
            told.add(pin)
    if missing:
        return "missing", None
    if not absent:
        return ("here" if weights else "new"), None
    known = [count for count in absent if count is not None]
    return "fetch", sum(known) if len(known) == len(absent) else None


def header(path: Path | None, at: str, findings: Findings) -> Header | None:
    """The header of a safetensors file that is here; None if it is not, or is none."""
    if path is not None:
        with findings.at(at):
            return read_whole_header(path)
    return None


def unknown_place(name: str, value: str) -> tuple[str, str] | None:
    """What is wrong with a `device` or a `dtype`, and what would do; None if it is known."""
    if name == "device" and not _DEVICE.fullmatch(value):
        return f"{value!r} is no device", "known: auto, cpu, cuda:0, mps"
    if name == "dtype" and value not in DTYPES:
        return f"{value!r} is no type", f"known: {', '.join(DTYPES)}"
    return None


def check_place(settings: ComponentSettings | LLMSettings, at: str, findings: Findings) -> int:
    """The bytes of one number there; an unknown device or type is a problem."""
    for name, value in (("device", settings.device), ("dtype", settings.dtype)):
        if problem := unknown_place(name, value):
            findings.add(f"{at}.{name}", *problem)
    if settings.device == "mps" and settings.dtype == "float64":
        findings.add(f"{at}.dtype", "MPS has no float64", "known there: float32, float16, bfloat16")
    return DTYPES.get(settings.dtype, 4)


def check_licence(licence: str, at: str, config: Config, findings: Findings) -> None:
    """A licence that forbids commercial use must be accepted by name before assembly."""
    if _NON_COMMERCIAL.search(licence) and licence not in config.accept_licences:
        findings.refuse(
            at,
            f"the weights' licence {licence} forbids commercial use",
            f"if you may use them, say `accept_licences: [{licence}]`",
        )
