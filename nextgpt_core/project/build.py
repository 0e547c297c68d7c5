"""A projection as its kind declares it: options checked, class built, tensors held to the word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError
from torch import nn

from nextgpt_core.project.input import InputProjection
from nextgpt_registry.errors import ConfigError, PluginError
from nextgpt_registry.explain import lines
from nextgpt_registry.shapes import Shapes
from nextgpt_registry.sizes import input_shapes, options_of, output_shapes, tokens_out
from nextgpt_registry.specs import Condition, Projection
from nextgpt_registry.targets import blamed, options_model, resolve


def build_input(
    spec: Projection,
    options: Mapping[str, Any] | None = None,
    *,
    tokens: int,
    width_in: int,
    width_llm: int,
) -> InputProjection:
    """An input projection for (at most) `tokens` features of width `width_in`.

    Raises:
        ConfigError: the options are not the kind's own.
        PluginError: its class cannot be built, or holds other tensors than the kind declares.
    """
    parsed = _parsed(spec, options or {})
    sizes = {"tokens": tokens, "width_in": width_in, "width_llm": width_llm}
    module = InputProjection(
        _built(spec, parsed, sizes), partial(tokens_out, spec, parsed), tokens=tokens
    )
    _check(spec, module, input_shapes(spec, parsed, **sizes))
    return module


def build_output(
    spec: Projection,
    options: Mapping[str, Any] | None = None,
    *,
    width_llm: int,
    signals: int,
    conditions: Sequence[Condition],
) -> nn.Module:
    """An output projection, (B, S, D) -> {condition: (B, T, W)}, for a decoder with these.

    Raises:
        ConfigError: the options are not the kind's own.
        PluginError: its class cannot be built, or holds other tensors than the kind declares.
    """
    parsed = _parsed(spec, options or {})
    sizes: dict[str, Any] = {"width_llm": width_llm, "signals": signals, "conditions": conditions}
    module = _built(spec, parsed, sizes)
    _check(spec, module, output_shapes(spec, parsed, **sizes))
    return module


def _parsed(spec: Projection, options: Mapping[str, Any]) -> BaseModel:
    try:
        return options_of(spec, options)
    except ValidationError as error:
        model = options_model(spec.options)
        known = ", ".join(model.model_fields) or "none"
        raise ConfigError(
            f"{spec.side}_projection.options",
            f"do not fit:{lines(error, model)}",
            f"options of {spec.name!r}: {known}",
        ) from error


def _built(spec: Projection, options: BaseModel, sizes: Mapping[str, Any]) -> nn.Module:
    with blamed(f"projection {spec.name!r}", spec.target):
        made = resolve(spec.target)(options, **sizes)
    if not isinstance(made, nn.Module):
        raise PluginError(
            f"projection {spec.name!r}",
            f"{spec.target} gave a {type(made).__name__}",
            "make it a torch.nn.Module",
        )
    return made


def _check(spec: Projection, module: nn.Module, shapes: Shapes) -> None:
    """Hold the tensors of a module to what plans and files of trained parts go by."""
    held = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    wrong = [name for name in held.keys() | shapes.keys() if held.get(name) != shapes.get(name)]
    if wrong:
        first = min(wrong)
        raise PluginError(
            f"projection {spec.name!r}",
            f"its tensor {first} is {held.get(first, 'not there')}, and {spec.shapes} says "
            f"{shapes.get(first, 'nothing of it')}",
            "correct what `shapes` names",
        )
