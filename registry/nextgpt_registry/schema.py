"""The JSON Schema of a config, so that editors complete and check YAML. Reads no config.

What a key means stands once: in the comment beside its field. Comments are read from the source
when a schema is asked for, so they cost nothing at import.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.errors import PluginError
from nextgpt_registry.specs import Decoder, Encoder, Projection
from nextgpt_registry.targets import options_model

Schema = dict[str, Any]

DIALECT = GenerateJsonSchema.schema_dialect
_FIELD = re.compile(r" {4}(\w+):")
_REFERENCE = "Interpolation"
_OVER = "Over"  # ends the names of what is merged over another
_ABOUT = ("description", "default")
_TEXT = {"type": "string"}
_SHARES = "channels naming the same one have a single projection"


def comments(model: type[BaseModel]) -> dict[str, str]:
    """What the comment beside each field says, by the field's name; those of bases too."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            with contextlib.suppress(OSError, TypeError):  # a class that no file holds
                found.update(_comments(inspect.getsource(base)))
    return found


def described(model: type[BaseModel]) -> Schema:
    """The JSON Schema of a model, with the comments as descriptions."""
    return model.model_json_schema(schema_generator=_Described)


def config_schema(catalog: Catalog | None = None) -> Schema:
    """The JSON Schema of a config as it is written in a file.

    Beside what the models take, a file may have `define`, `${…}` in place of any value, and `null`
    for an entry of `modalities` or `weights` that is left out. One that `extends` another need say
    nothing, and may take any key out. With a catalogue, the names and options of what its plugins
    declare are in it: those of an encoder by its name.
    """
    known = catalog or Catalog.of({})
    kinds = {side: known.projections(side) for side in ("input", "output")}
    components: dict[str, list[Encoder | Decoder]] = {
        "encoder": [one for m in known.modalities for one in known.encoders(m).values()],
        "decoder": [one for m in known.modalities for one in known.decoders(m).values()],
    }
    declared = [spec for specs in kinds.values() for spec in specs.values()]
    options: dict[str | None, type[BaseModel]] = {}
    every: list[Encoder | Decoder | Projection] = [*declared, *components["encoder"]]
    every += components["decoder"]
    for one in every:
        with contextlib.suppress(PluginError):  # told by the plan, and by the kit
            options[one.options] = options_model(one.options)
    roots: list[type[BaseModel]] = [Config, *dict.fromkeys(options.values())]
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(m, "validation") for m in roots]
    references, schema = models_json_schema(models, schema_generator=_Described)
    refer = {target: references[model, "validation"] for target, model in options.items()}
    types = schema["$defs"]
    config, channel = (_own(types, name)["properties"] for name in ("Config", "Channel"))
    for side, specs in kinds.items():
        place = channel[f"{side}_projection"]
        place.pop("$ref")
        place |= _projection(specs, refer, shares=side == "input")
    for key, parts in components.items():
        channel[key]["anyOf"].insert(0, _named([part.name for part in parts]))
        if optioned := [*_optioned([part for part in parts if part.options in refer], refer)]:
            _own(types, f"{key.capitalize()}Settings")["allOf"] = optioned
    for key in ("modalities", "weights"):
        entry = config[key]["additionalProperties"]
        config[key]["additionalProperties"] = {"anyOf": [entry, {"type": "null"}]}
    config["define"] = {
        "type": "object",
        "description": "what several parts share: named once, used as ${define.NAME}",
    }
    config["extends"] = {
        "type": ["string", "null"],
        "description": "a system, YAML file or saved folder that this one is merged over",
    }
    types = {name: t for name, t in types.items() if t is not _own(types, "ProjectionSettings")}
    whole = next(name for name, t in types.items() if t is _own(types, "Config"))
    types = {name: _interpolable(found) for name, found in types.items()}
    types[_REFERENCE] = {"type": "string", "pattern": r"\$\{.+\}", "description": "${define.NAME}"}
    types |= {name + _OVER: _loosened(found) for name, found in types.items()}
    return {
        "$schema": DIALECT,
        "title": "A system of nextgpt",
        "if": {"required": ["extends"]},
        "then": {"$ref": f"#/$defs/{whole}{_OVER}"},
        "else": {"$ref": f"#/$defs/{whole}"},
        "$defs": dict(sorted(types.items())),
    }


class _Described(GenerateJsonSchema):
    """Descriptions from comments, no titles, and one way to say what the keys of a dict are."""

    def model_schema(self, schema: Any) -> Schema:
        """A model; its docstring and comments say what it and its keys are."""
        found = super().model_schema(schema)
        found.pop("title", None)
        told = comments(schema["cls"])
        for name, field in found.get("properties", {}).items():
            if name in told:
                field.setdefault("description", told[name])
        return found

    def dict_schema(self, schema: Any) -> Schema:
        """A dict; `additionalProperties` checks every value, whatever its key."""
        found = super().dict_schema(schema)
        for pattern, values in found.pop("patternProperties", {}).items():
            found |= {"additionalProperties": values, "propertyNames": {"pattern": pattern}}
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A key is its own title."""
        return False


def _comments(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    field = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        start = _FIELD.match(token.line)
        if start and token.start[1] == start.start(1):
            field = start[1]
        if token.type == tokenize.COMMENT and field and not token.string.startswith("# type:"):
            found[field] = token.string.removeprefix("#").strip()
        if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            field = ""
    return found


def _own(types: Mapping[str, Schema], name: str) -> Schema:
    """A type of `nextgpt_registry.config`, whose name is longer where a plugin has one like it."""
    return types.get(name) or types[f"{Config.__module__}__{name}".replace(".", "__")]


def _named(names: Sequence[str]) -> Schema:
    """A component by its name alone; an editor offers these, and takes another plugin's."""
    offered = [{"enum": sorted(set(names))}] if names else []
    return {"anyOf": [*offered, _TEXT]} if offered else dict(_TEXT)


def _optioned(specs: Sequence[Encoder | Decoder], refer: Mapping[Any, Schema]) -> Iterator[Schema]:
    """`options` of each component, where its name is said; of a name that several have, of any."""
    by_name: dict[str, list[Schema]] = {}
    for one in specs:
        found = by_name.setdefault(one.name, [])
        if refer[one.options] not in found:
            found.append(refer[one.options])
    for name, found in sorted(by_name.items()):
        options = {"anyOf": [*found, {"$ref": f"#/$defs/{_REFERENCE}"}]}
        yield {
            "if": {"properties": {"name": {"const": name}}, "required": ["name"]},
            "then": {"properties": {"options": options}},
        }


def _projection(
    kinds: Mapping[str, Projection], refer: Mapping[Any, Schema], *, shares: bool
) -> Schema:
    """A kind by its name, or with its options."""
    shared = {"shares": {"type": "string", "description": _SHARES}} if shares else {}
    written = [
        {
            "type": "object",
            "properties": {
                "kind": {"const": kind},
                "options": refer.get(spec.options, {}),
                **shared,
            },
            "required": ["kind"],
            "additionalProperties": False,
        }
        for kind, spec in kinds.items()
    ]
    return {"anyOf": [{"enum": sorted(kinds)}, *written]}


def _loosened(schema: Any) -> Any:
    """The schema of what is merged over another: nothing is required, any key may be `null`."""
    if isinstance(schema, list):
        return [_loosened(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _loosened(value) for key, value in schema.items() if key != "required"}
    if "$ref" in found:
        found["$ref"] += _OVER
    if "properties" in found:
        found["properties"] = {name: _or_null(one) for name, one in found["properties"].items()}
    if isinstance(values := found.get("additionalProperties"), dict):
        found["additionalProperties"] = _or_null(values)
    return found


def _or_null(schema: Schema) -> Schema:
    about = {key: schema[key] for key in _ABOUT if key in schema}
    inside = {key: value for key, value in schema.items() if key not in _ABOUT}
    return {"anyOf": [inside, {"type": "null"}], **about} if inside else schema


def _interpolable(schema: Schema) -> Schema:
    """The schema with `${…}` allowed for every value inside it."""
    inside = dict(schema)
    if "properties" in schema:
        inside["properties"] = {k: _or_reference(v) for k, v in schema["properties"].items()}
    for key in ("additionalProperties", "items"):
        if isinstance(schema.get(key), dict):
            inside[key] = _or_reference(schema[key])
    if "anyOf" in schema:
        inside["anyOf"] = [_interpolable(each) for each in schema["anyOf"]]
    return inside


def _or_reference(schema: Schema) -> Schema:
    inside = _interpolable(schema)
    if not inside or "const" in inside:
        return inside
    about: Schema = {key: inside.pop(key) for key in _ABOUT if key in inside}
    either = inside["anyOf"] if set(inside) == {"anyOf"} else [inside]
    if _TEXT in either:  # any text will do
        return {**inside, **about}
    return {"anyOf": [*either, {"$ref": f"#/$defs/{_REFERENCE}"}], **about}
