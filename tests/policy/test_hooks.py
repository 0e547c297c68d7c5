"""Every hook stands in the reference with its exact signature."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from nextgpt_registry import hookspecs

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"
HOOKS = [
    node
    for node in ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("nextgpt_")
]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_a_hook_is_documented_with_its_signature(hook: ast.FunctionDef) -> None:
    assert hook.returns is not None
    arguments, returned = ast.unparse(hook.args), ast.unparse(hook.returns)

    page = REFERENCE.read_text(encoding="utf-8")

    assert f"## {hook.name}\n" in page
    assert f"def {hook.name}({arguments}) -> {returned}: ...\n" in page


def test_the_reference_documents_no_other_hook() -> None:
    page = REFERENCE.read_text(encoding="utf-8")

    titles = {line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")}

    assert titles == {hook.name for hook in HOOKS}
