"""Other valid options: one field changed at a time. Knows no component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError


def variations(model: type[BaseModel], base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """For each field one value near that of `base`, valid and different, as `{field: value}`."""
    start = model(**base)
    for name, field in model.model_fields.items():
        value = getattr(start, name)
        for other in _near(value, field.annotation):
            try:
                changed = model(**{**base, name: other})
            except ValidationError:
                continue
            if changed != start:
                yield {name: other}
                break


def _near(value: Any, annotation: Any) -> Iterator[Any]:
    """Candidates, the likeliest to be cheap and valid first."""
    for kind in (annotation, *get_args(annotation)):
        if get_origin(kind) is Literal:
            yield from (other for other in get_args(kind) if other != value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value + 8, value + 16, value + 64, 2 * value)
    elif isinstance(value, float):
        yield from (value * 1.5, value / 2, value + 1, 0.5, 0.0)
    elif isinstance(value, str):
        yield from (f"{value}x", "x")
    elif isinstance(value, tuple):
        yield from _near_each(value, annotation)
    elif value is None:
        yield from (1, 2, 8, 16, 1.0)


def _near_each(values: tuple[Any, ...], annotation: Any) -> Iterator[tuple[Any, ...]]:
    """All elements changed, then one at a time; for none, one of each kind."""
    if not values:
        yield from ((one,) for one in (1, 8, 1.0, "x"))
    tuples = (one for one in (annotation, *get_args(annotation)) if get_origin(one) is tuple)
    said = get_args(next(tuples, tuple[Any, ...]))
    kinds = said[:1] * len(values) if Ellipsis in said else said
    near = [list(_near(value, kind)) for value, kind in zip(values, kinds, strict=True)]
    yield from zip(*near, strict=False)
    for place, others in enumerate(near):
        yield from ((*values[:place], other, *values[place + 1 :]) for other in others)
