"""What encoders and decoders have in common, checked against a config. Imports no target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.config import ComponentSettings
from nextgpt_registry.explain import problems
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_registry.targets import locate, missing, options_model

_C = TypeVar("_C", bound=ComponentSettings)
_M = TypeVar("_M", bound=BaseModel)


def is_twin(spec: Encoder | Decoder, options: Mapping[str, Any]) -> bool:
    """Whether the options ask for the narrow twin, which has no weights by its nature."""
    return bool(spec.twin) and all(
        key in options and _plain(options[key]) == _plain(value) for key, value in spec.twin.items()
    )


def with_sources(spec: Encoder | Decoder, settings: _C) -> _C:
    """The settings with a weight for each file whose source is declared, where they name none."""
    if is_twin(spec, settings.options):
        return settings
    return settings.model_copy(update={"weights": {**spec.sources, **settings.weights}})


def check_component(
    spec: Encoder | Decoder, settings: ComponentSettings, at: str, findings: Findings
) -> dict[str, Any]:
    """What encoders and decoders have in common is checked; returns the options, filled in."""
    absent = missing(spec.requires)
    if absent:
        findings.add(at, f"{spec.name!r} needs {', '.join(absent)}", "install what is missing")
    module = spec.target.partition(":")[0]
    if locate(module) is None:
        findings.add(at, f"its target {spec.target} is in no installed module", "mend the plugin")
    _check_weights(spec, settings, at, findings)
    if spec.options is None:
        if settings.options:
            findings.add(f"{at}.options", f"{spec.name!r} has no options", "take them out")
        return {}
    options: dict[str, Any] = {}
    with findings.at(f"{at}.options"):
        made = validated(options_model(spec.options), settings.options, f"{at}.options", findings)
        options = made.model_dump(mode="json") if made else {}
    return options


def _check_weights(
    spec: Encoder | Decoder, settings: ComponentSettings, at: str, findings: Findings
) -> None:
    """The config must name the declared files, all of them and no other."""
    for name in settings.weights:
        if name not in spec.weights:
            fix = did_you_mean(name, spec.weights)
            findings.add(f"{at}.weights.{name}", f"is no file of {spec.name!r}", fix)
    absent = [name for name in spec.weights if name not in settings.weights]  # nor declared
    if absent and not is_twin(spec, settings.options):
        what, fix = f"{', '.join(absent)} missing", "give each a `source` and a `sha256`"
        findings.add(f"{at}.weights", what, fix)


def validated(
    model: type[_M], options: Mapping[str, Any], at: str, findings: Findings
) -> _M | None:
    """The options as the model they belong to; None, with the problems noted, if they are wrong."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        findings.extend(problems(error, model, at))
        return None


def _plain(value: Any) -> Any:
    """A value as a config file would hold it: tuples are lists there."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
