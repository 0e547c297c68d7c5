"""What a plugin's declarations name: options, files, what its configs hold. Knows no plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nextgpt_registry.cli.tables import megabytes, print_lines, print_table
from nextgpt_registry.documents import read_yaml
from nextgpt_registry.errors import NextGPTError, PluginError
from nextgpt_registry.schema import described
from nextgpt_registry.specs import (
    Addition,
    Decoder,
    Encoder,
    Manifest,
    Projection,
    System,
    fixed_options,
)
from nextgpt_registry.targets import missing, options_model, package_file

Component = Encoder | Decoder | Projection


def print_options(manifest: Manifest) -> None:
    """Print a table of options for each component that has any, and what else it asks for."""
    for what, one in _components(manifest):
        lines = [*_needs(one)]
        try:
            rows = [*_rows(one)]
        except PluginError as error:
            rows, lines = [], [*lines, f"its options cannot be read: {error.what}"]
        if rows or lines:
            print_lines("", f"{what} {one.name}", *(f"  {line}" for line in lines))
        if rows:
            print_table("", ("option", "type", "default", "what it is"), rows)


def options_json(manifest: Manifest) -> dict[str, Any]:
    """The JSON Schema of each component's options, by `KIND NAME`."""
    found = {}
    for what, one in _components(manifest):
        try:
            found[f"{what} {one.name}"] = described(options_model(one.options))
        except PluginError as error:
            found[f"{what} {one.name}"] = {"error": str(error)}
    return found


def held(one: System | Addition) -> dict[str, list[str]]:
    """The names of channels, stages and suites in what a plugin ships; else the `error`."""
    try:
        said = read_yaml(package_file(one.config), fix="mend the file")
    except NextGPTError as error:
        return {"error": [f"{error.who}: {error.what}"]}
    tables = said if isinstance(said, dict) else {}
    names = {"channels": "modalities", "stages": "training", "suites": "suites"}
    return {name: [*(tables.get(key) or ())] for name, key in names.items()}


def _components(manifest: Manifest) -> Iterator[tuple[str, Component]]:
    for encoder in manifest.encoders:
        yield f"{encoder.modality} encoder", encoder
    for decoder in manifest.decoders:
        yield f"{decoder.modality} decoder", decoder
    for projection in manifest.projections:
        yield f"{projection.side} projection", projection


def _needs(one: Component) -> Iterator[str]:
    if isinstance(one, Projection):
        return
    for name in one.weights:
        told, declared = "a `source`, and a `sha256` unless local", one.sources.get(name)
        if declared:
            several = (declared.source,) if isinstance(declared.source, str) else declared.source
            told = " + ".join(several)
            told += f", {megabytes(declared.bytes)}" if declared.bytes else ""
        yield f"weights {name}: {told}"
    if one.requires:
        absent = missing(one.requires)
        told = f", not installed: {', '.join(absent)}" if absent else ""
        yield f"needs: {', '.join(one.requires)}{told}"


def _rows(one: Component) -> Iterator[tuple[str, ...]]:
    model = options_model(one.options)
    schema, fixed = described(model), fixed_options(model)
    for name, field in schema.get("properties", {}).items():
        default = repr(field["default"]) if "default" in field else "required"
        about = field.get("description", "") + "; not in a request" * (name in fixed)
        yield name, type_name(field, schema), default, about.removeprefix("; ")


def type_name(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """`integer from 1 to 8`, `text or null`: a type of JSON Schema in words."""
    if "$ref" in field:
        return type_name(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in field:
        return " or ".join(type_name(each, schema) for each in field["anyOf"])
    if "enum" in field or "const" in field:
        return " | ".join(map(str, field.get("enum", [field.get("const")])))
    name = {"string": "text", "array": "list"}.get(field.get("type", ""), field.get("type", "any"))
    bounds = {
        "from": field.get("minimum"),
        "above": field.get("exclusiveMinimum"),
        "to": field.get("maximum"),
        "below": field.get("exclusiveMaximum"),
    }
    told = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
    return " ".join([name, *told])
