"""What a projection holds and how many tokens it gives, from its declaration. Imports no torch.

Knows no kind: each says it itself (`Projection.shapes`, `Projection.tokens`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from nextgpt_registry.errors import PluginError
from nextgpt_registry.shapes import Shapes
from nextgpt_registry.specs import Condition, Projection
from nextgpt_registry.targets import blamed, options_model, resolve

_SHAPES = TypeAdapter(Mapping[str, tuple[int, ...]])
_COUNT = TypeAdapter(int)


def options_of(spec: Projection, options: Mapping[str, Any]) -> BaseModel:
    """The options of a kind as the model they belong to; raises as pydantic does."""
    return options_model(spec.options).model_validate(dict(options))


def tokens_out(spec: Projection, options: BaseModel, tokens: int) -> int:
    """The tokens that the language model sees of a medium of `tokens` features.

    Raises:
        PluginError: the kind gives no number.
    """
    return (
        tokens if spec.tokens is None else int(_asked(spec, spec.tokens, _COUNT, options, tokens))
    )


def input_shapes(
    spec: Projection, options: BaseModel, *, tokens: int, width_in: int, width_llm: int
) -> Shapes:
    """The tensors of an input projection as a file of trained parts names them.

    Raises:
        PluginError: the kind gives no shapes.
    """
    sizes = {"tokens": tokens, "width_in": width_in, "width_llm": width_llm}
    return {f"map.{name}": shape for name, shape in shapes_of(spec, options, sizes).items()}


def output_shapes(
    spec: Projection,
    options: BaseModel,
    *,
    width_llm: int,
    signals: int,
    conditions: Sequence[Condition],
) -> Shapes:
    """The tensors of an output projection; raises as `input_shapes` does."""
    sizes = {"width_llm": width_llm, "signals": signals, "conditions": conditions}
    return shapes_of(spec, options, sizes)


def shapes_of(spec: Projection, options: BaseModel, sizes: Mapping[str, Any]) -> Shapes:
    """The tensors that a kind declares, by the names that its class has for them.

    Raises:
        PluginError: the kind gives no shapes.
    """
    found: Shapes = _asked(spec, spec.shapes, _SHAPES, options, **sizes)
    return found


def _asked(
    spec: Projection, target: str, wanted: TypeAdapter[Any], *given: Any, **sizes: Any
) -> Any:
    """What a function of a declaration says, held to what it should be."""
    with blamed(f"projection {spec.name!r}", target):
        said = resolve(target)(*given, **sizes)
    try:
        return wanted.validate_python(said)
    except ValidationError as error:
        raise PluginError(
            f"projection {spec.name!r}",
            f"{target} gave {said!r}",
            "return a shape for each tensor, or the number of tokens",
        ) from error
