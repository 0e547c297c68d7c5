"""Decoders whose sizes are said by their files. Imports the describing function, never a target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nextgpt_registry.config import ComponentSettings
from nextgpt_registry.errors import NextGPTError, PluginError
from nextgpt_registry.fetch.sources import cached
from nextgpt_registry.plan.components import is_twin
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.specs import Decoder
from nextgpt_registry.targets import missing, resolve

_KEPT = ("name", "modality", "target", "options", "twin", "weights")


def described(
    spec: Decoder, settings: ComponentSettings, at: str, base: Path, findings: Findings
) -> Decoder | None:
    """The decoder as its files describe it, or as declared if it says nothing of files.

    None, with the problems noted, if the files are not here or are none that it can describe. A
    twin has no files: what is declared is the twin.
    """
    if spec.describe is None or is_twin(spec, settings.options):
        return spec
    paths = _here(spec, settings, at, base, findings)
    if len(paths) < len(spec.weights):
        return None
    made: Decoder | None = None
    with findings.at(f"{at}.weights"):
        made = _described(spec, paths)
        absent = missing(set(made.requires) - set(spec.requires))
        if absent:
            findings.add(at, f"its files need {', '.join(absent)}", "install what is missing")
    return made


def _here(
    spec: Decoder, settings: ComponentSettings, at: str, base: Path, findings: Findings
) -> dict[str, Path]:
    """The declared files that are on this machine; what the config leaves out is told elsewhere."""
    found: dict[str, Path] = {}
    for name in spec.weights:
        weight, place = settings.weights.get(name), f"{at}.weights.{name}"
        if weight is None:
            continue
        with findings.at(place):
            path = cached(weight.source, sha256=weight.sha256, base=base)
            if path is None:
                findings.add(
                    place,
                    f"the sizes of {spec.name!r} are in its files, which are not here",
                    "fetch them with `nextgpt pull`, or correct the path",
                )
            else:
                found[name] = path
    return found


def _described(spec: Decoder, paths: Mapping[str, Path]) -> Decoder:
    assert spec.describe is not None
    try:
        made = resolve(spec.describe)(spec, dict(paths))
    except NextGPTError:
        raise
    except Exception as error:  # foreign code reads foreign files
        raise PluginError(
            spec.name,
            f"its files cannot be described: {type(error).__name__}: {error}",
            "look at the files, or report it to the plugin's author",
        ) from error
    if not isinstance(made, Decoder):
        raise PluginError(
            spec.name, f"{spec.describe} returned a {type(made).__name__}", "return a Decoder"
        )
    changed = [name for name in _KEPT if getattr(made, name) != getattr(spec, name)]
    if changed:
        raise PluginError(
            spec.name,
            f"{spec.describe} changed {', '.join(changed)}",
            "return `spec.model_copy(update={'conditions': …, 'parameters': …})`",
        )
    return made
