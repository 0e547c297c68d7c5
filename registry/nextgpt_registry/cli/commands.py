"""The commands there are, and one line about each, without importing any of them.

A command is an entry point of the group `nextgpt.commands`: its name, and `"module:name"` of a
function with typer annotations or of a `typer.Typer`. It is imported when it is run.
"""

from __future__ import annotations

import ast
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from nextgpt_registry.entrypoints import Installed, installed
from nextgpt_registry.targets import blamed, locate

GROUP = "nextgpt.commands"

_OWN = {
    "explain": "nextgpt_registry.cli.explain:command",
    "plan": "nextgpt_registry.cli.plan:command",
    "plugins": "nextgpt_registry.cli.plugins:app",
    "schema": "nextgpt_registry.cli.schema:command",
}


def commands() -> dict[str, Installed]:
    """All commands by name; the registry's own cannot be replaced."""
    own = {name: Installed(name, target, "nextgpt-registry", "") for name, target in _OWN.items()}
    found = {entry.name: entry for entry in installed(GROUP)}
    return dict(sorted({**found, **own}.items()))


def load(entry: Installed) -> Any:
    """Import a command.

    Raises:
        PluginError: it cannot be imported; the error names the distribution.
    """
    if entry.broken:
        raise entry.broken
    with blamed(f"command {entry.name!r} of {entry.dist}", entry.target):
        return EntryPoint(entry.name, entry.target, GROUP).load()


def summary(entry: Installed) -> str:
    """The first line of a command's docstring, read from its source."""
    if entry.broken:
        return f"(broken: {entry.broken.what})"
    module, _, name = entry.target.partition(":")
    spec = locate(module)
    if spec is None or spec.origin is None:
        return f"(broken: there is no module {module})"
    try:
        tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        return f"(broken: {error})"
    return _first_line(
        _function_doc(tree, name) or _app_help(tree, name) or ast.get_docstring(tree)
    )


def _function_doc(tree: ast.Module, name: str) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node)
    return None


def _app_help(tree: ast.Module, name: str) -> str | None:
    """The `help` of `name = typer.Typer(help="…")`."""
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        if not any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            continue
        for keyword in node.value.keywords:
            if keyword.arg == "help" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return None


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
