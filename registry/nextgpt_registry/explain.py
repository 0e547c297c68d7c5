"""Turn pydantic's findings into ours: a path, what was found, what is valid. Reads no file."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.errors import Problem
from nextgpt_registry.paths import shortened

_MOST = 50


def problems(
    error: ValidationError, model: type[BaseModel], at: str = "", *, most: int | None = None
) -> tuple[Problem, ...]:
    """Every finding, or the first `most`, as a `Problem`, its path beginning with `at`.

    A value that fits no member of a union is one problem, not one for each member.
    """
    found: dict[str, list[Problem]] = {}
    for item in error.errors(include_url=False)[:most]:
        path, owner = _walk(item["loc"], model)
        where = ".".join(filter(None, [at, *path])) or "config"
        found.setdefault(where, []).append(_problem(where, path, item, owner))
    return tuple(_merged(same) for same in found.values())


def lines(
    error: ValidationError,
    model: type[BaseModel],
    at: str = "",
    *,
    said_by: Callable[[str], str] = lambda path: "",
) -> str:
    """The same, one indented line each, of many the first; `said_by` knows the file of a path."""
    found = problems(error, model, at, most=_MOST)
    shown = "".join(f"\n  {replace(one, said_by=said_by(one.path))}" for one in found)
    more = error.error_count() - _MOST
    return shown + (f"\n  and {more} more" if more > 0 else "")


def _problem(where: str, path: list[str], item: Any, owner: type[BaseModel] | None) -> Problem:
    if item["type"] == "extra_forbidden":
        known = owner.model_fields if owner else ()
        key = str(item["loc"][-1])  # not out of the path, which leaves out what looks like a tag
        inside = [".".join([*path[:-1], way]) for way in sections(owner, key)] if owner else []
        fix = f"did you mean {' or '.join(inside)}?" if inside else did_you_mean(key, known)
        return Problem(where, "is no known key", fix)
    if item["type"] == "missing":
        return Problem(where, "is missing", f"give {path[-1]!r} a value")
    message = item["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
    message = message[:1].lower() + message[1:]
    given = item["input"]
    shown = "" if isinstance(given, dict | list | BaseModel) else f", found {shortened(given)}"
    return Problem(where, message + shown)


def _merged(same: list[Problem]) -> Problem:
    texts = list(dict.fromkeys(problem.what for problem in same))
    return Problem(same[0].path, "; or ".join(texts), same[0].fix)


def _walk(
    loc: tuple[str | int, ...], model: type[BaseModel]
) -> tuple[list[str], type[BaseModel] | None]:
    """The part of a location that is in the config, and the model whose key its end is.

    Pydantic puts the tags of unions and of validators into locations; a config has no such keys.
    """
    path: list[str] = []
    annotation: Any = model
    owner: type[BaseModel] | None = None
    for step in loc:
        models = list(_models(annotation))
        holder = next((m for m in models if step in m.model_fields), None)
        if holder is not None:
            owner, annotation = holder, holder.model_fields[str(step)].annotation
            path.append(str(step))
        elif models and _is_mapping(annotation) is None:
            owner = models[0]
            if not _is_tag(step):
                path.append(_short(step))
        elif isinstance(step, int) or _is_mapping(annotation) is not None:
            if step != "[key]":
                path.append(_short(step))
            annotation = _is_mapping(annotation) or annotation
    return path, owner


def sections(model: type[BaseModel], key: str) -> Iterator[str]:
    """Where a key stands in the sections of a model: `generation.seed`."""
    for name, field in model.model_fields.items():
        for section in () if _is_mapping(field.annotation) else _models(field.annotation):
            if key in section.model_fields:
                yield f"{name}.{key}"
            yield from (f"{name}.{way}" for way in sections(section, key))


def _short(step: str | int) -> str:
    return str(step) if len(str(step)) <= 100 else f"{str(step)[:100]}…"


def _is_tag(step: str | int) -> bool:
    return isinstance(step, str) and any(mark in step for mark in "[(")


def _is_mapping(annotation: Any) -> Any:
    """The annotation of a mapping's values; None for anything else."""
    origin = typing.get_origin(annotation)
    if origin is dict:
        return typing.get_args(annotation)[1]
    return None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in typing.get_args(annotation):
            yield from _models(part)
