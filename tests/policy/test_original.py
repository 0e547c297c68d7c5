"""The page on the original's defects names files and tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/original.md").read_text("utf-8")
TESTS = re.findall(r"`([\w./-]+\.py)::(test_\w+)`", PAGE)
FILES = re.findall(r"`([\w-]+/[\w./-]+\.py)`", PAGE)
ANSWERING, TRAINING = 17, 20


def functions(path: Path) -> set[str]:
    """The functions at the top of a file; none of one that is not there."""
    tree = ast.parse(path.read_text("utf-8") if path.is_file() else "")
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_file_that_is_named_is_there() -> None:
    assert FILES
    assert not [path for path in sorted(set(FILES)) if not (ROOT / path).is_file()]


def test_every_test_that_is_named_is_there() -> None:
    there = {path: functions(ROOT / path) for path, _ in TESTS}

    assert TESTS
    assert not [f"{path}::{name}" for path, name in TESTS if name not in there[path]]


def test_every_defect_has_a_test() -> None:
    answering, training = PAGE.split("\n## Training\n")

    for section, count in ((answering, ANSWERING), (training, TRAINING)):
        told = re.split(r"\n\*\*(?=\d)", section)[1:]
        numbers = [int(n) for one in told for n in one.partition(". ")[0].split(", ")]
        assert sorted(numbers) == list(range(1, count + 1))
        assert all("::test_" in one for one in told)
