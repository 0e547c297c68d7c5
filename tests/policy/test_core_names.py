"""The core knows no modality: none of their names is in its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from nextgpt_registry import Catalog

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "nextgpt_core").rglob("*.py"))
ORDINARY = {"depth"}
"""Modalities whose name is also a word of networks: the depth of a projection is its layers."""
NAMES = {*Catalog.discover().modalities, "image", "audio", "video"} - ORDINARY

FOREIGN = {"torchmetrics.image.fid", "torchmetrics.image.kid"}
"""Where another library files what serves any modality."""


def words(text: str) -> set[str]:
    """The words of a name or a string, plurals as singulars."""
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Za-z][a-z]*", text)}


def code_words(path: Path) -> Iterator[tuple[int, str]]:
    """Words of identifiers, arguments, imports and strings; docstrings may give examples."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "module", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and value not in FOREIGN:
                yield from ((getattr(node, "lineno", 0), word) for word in words(value))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from ((node.lineno, word) for word in words(node.value))


def test_no_modality_is_named_in_the_core() -> None:
    named = {
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in FILES
        for line, word in code_words(path)
        if word in NAMES
    }

    assert FILES
    assert not sorted(named)
