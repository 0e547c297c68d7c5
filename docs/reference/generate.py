"""Fill the reference's generated regions from the code: `make reference`, or `--check` them.

A region lies between `<!-- generated: NAME -->` and `<!-- end -->`; what is around it is written
by hand. Knows what a region is made from, and no page's prose.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from typer.main import get_command

from nextgpt_core.training.settings import RunSettings
from nextgpt_registry import config, hookspecs, specs
from nextgpt_registry.cli.commands import commands, load
from nextgpt_registry.cli.explain import gist, pages
from nextgpt_registry.projections import INPUT_KINDS, OUTPUT_KINDS
from nextgpt_registry.schema import config_schema, described
from nextgpt_registry.targets import options_model

HERE = Path(__file__).parent
SCHEMA = HERE / "nextgpt.schema.json"
REGION = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
ERRORS = "../../registry/nextgpt_registry/error_pages"

_VALUES = {"str": "TEXT", "path": "PATH", "int": "N", "float": "X"}

Schema = Mapping[str, Any]


def hooks() -> Iterator[str]:
    """Every hook: its signature and its docstring."""
    for node in ast.parse(inspect.getsource(hookspecs)).body:
        if isinstance(node, ast.FunctionDef) and node.returns:
            signature = f"def {node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"
            yield f"## {node.name}"
            yield f"<!-- not run: a signature -->\n```python\n{signature}: ...\n```"
            yield ast.get_docstring(node) or ""


def models(*roots: type[BaseModel]) -> Iterator[str]:
    """Models and all that they refer to, in the order of reference: docstring and keys of each."""
    found: dict[str, Schema] = {}
    for root in roots:
        whole = described(root)
        types = whole.get("$defs", {})
        wanted = [(root.__name__, whole)]
        for name, schema in wanted:
            if name not in found:
                found[name] = schema
                wanted += [(ref, types[ref]) for ref in _references(schema.get("properties", {}))]
    for name, schema in found.items():
        yield f"## {name}"
        yield schema.get("description", "")
        if schema.get("properties"):
            yield _table(
                ("key", "type", "what it is", "default"),
                [
                    (f"`{key}`", _type(field), _sentence(field), _default(schema, key))
                    for key, field in schema["properties"].items()
                ],
            )


def settings() -> Iterator[str]:
    """The config, and every model of `nextgpt_registry.config` that it does not lead to."""
    others = [
        model
        for model in vars(config).values()
        if inspect.isclass(model) and issubclass(model, config.Settings)
        if model.model_fields and not model.__subclasses__()
    ]
    return models(config.Config, *others)


def projections() -> Iterator[str]:
    """The options of every kind of projection."""
    for side, kinds in (("Input", INPUT_KINDS), ("Output", OUTPUT_KINDS)):
        for kind, spec in kinds.items():
            _, *body = models(options_model(spec.options))
            yield f"### {side}: `{kind}`"
            yield from body


def command(name: str) -> Iterator[str]:
    """A command and its subcommands: usage, help, arguments and options."""
    loaded = load(commands()[name])
    if not isinstance(loaded, typer.Typer):
        loaded, function = typer.Typer(add_completion=False), loaded
        loaded.command()(function)
    whole = get_command(loaded)
    yield f"## `nextgpt {name}`"
    subcommands = getattr(whole, "commands", {})
    if subcommands:
        yield str(whole.help)
    for sub, each in (subcommands or {"": whole}).items():
        if sub:
            yield f"### `nextgpt {name} {sub}`"
        context = each.make_context(name, [], resilient_parsing=True)
        told = [p for p in each.params if getattr(p, "help", "")]
        rows = [_typed(parameter, context) for parameter in told]
        usage = [
            typed if p.required else f"[{typed}]{'…' if p.nargs < 0 else ''}"
            for p, (typed, _) in zip(told, rows, strict=True)
            if p.param_type_name == "argument"
        ]
        yield inspect.cleandoc(each.help or "")
        yield "\n".join(
            ("```text", " ".join(["nextgpt", name, *filter(None, [sub]), *usage]), "```")
        )
        rows = [(f"`{typed}`", says) for typed, says in rows]
        yield _table(("option", "what it does"), rows) if rows else ""


def errors() -> Iterator[str]:
    """Every error with its gist and the way to its page."""
    yield _table(
        ("error", "means"),
        [(f"[`{name}`]({ERRORS}/{name}.md)", gist(page)) for name, page in pages().items()],
    )


REGIONS: Mapping[str, Callable[[], Iterator[str]]] = {
    "hooks": hooks,
    "specs": lambda: models(specs.Manifest),
    "config": settings,
    "projections": projections,
    "run settings": lambda: models(RunSettings),
    "errors": errors,
    **{f"command {name}": lambda name=name: command(name) for name in commands()},  # type: ignore[misc]
}


def filled(page: str) -> str:
    """A page with its regions as the code has them now."""

    def region(match: re.Match[str]) -> str:
        paragraphs = [text for text in REGIONS[match[2]]() if text]
        return match[1] + "\n" + "\n\n".join(paragraphs) + "\n\n" + match[3]

    return REGION.sub(region, page)


def outdated() -> dict[Path, str]:
    """The files that are not as the code has it, with what they should hold."""
    wanted = {page: filled(page.read_text("utf-8")) for page in sorted(HERE.glob("*.md"))}
    wanted[SCHEMA] = json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n"
    return {
        path: text
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    }


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("prefixItems")
        return f"({', '.join(map(_type, inner))})" if inner else f"list of {_type(schema['items'])}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"{_type(values)}, by name" if isinstance(values, Mapping) else "keys and values"
    bounds = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    told = [f"{sign} {schema[bound]:g}" for bound, sign in bounds.items() if bound in schema]
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return ", ".join([f"{names.get(str(kind), kind or 'anything')} {' '.join(told[:1])}".strip(),
                      *told[1:]])  # fmt: skip


def _sentence(field: Schema) -> str:
    return str(field.get("description", ""))


def _default(schema: Schema, key: str) -> str:
    if key in schema.get("required", ()):
        return "required"
    value = schema["properties"][key].get("default")
    if isinstance(value, Mapping) and "kind" in value:
        value = value["kind"]
    if value in (None, "", [], {}) or isinstance(value, Mapping):
        return ""
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _typed(parameter: Any, context: Any) -> tuple[str, str]:
    """How an argument or option is typed, and what its help says."""
    shown, told = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper(), told.removesuffix("[required]").strip()
    kind = re.search(r"<(?:list\[)?(\w+)\]?>", shown)
    if kind:
        shown = f"{parameter.opts[0]} {_VALUES[kind[1]]}"
    repeats = " Repeats." if parameter.multiple and "repeat" not in told else ""
    return shown, told + repeats


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = ([cell.replace("|", "&#124;").replace("<", "&lt;") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |".replace("  ", " ") for line in cells)


if __name__ == "__main__":
    changed = outdated()
    for path, text in changed.items():
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        sys.stdout.write(f"{path}\n")
    sys.exit(bool(changed) and "--check" in sys.argv)
