"""The page on the original's defects names files and tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/original.md").read_text("utf-8")
TESTS = re.findall(r"`([\w./-]+\.py)::(test_\w+)`", PAGE)
FILES = re.findall(r"`([\w-]+/[\w./-]+\.py)`", PAGE)
ANSWERING, TRAINING = 17, 20


@pytest.mark.parametrize("path", sorted(set(FILES)))
def test_a_file_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), sorted(set(TESTS)))
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))

    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_defect_has_a_test() -> None:
    answering, training = PAGE.split("\n## Training\n")

    for section, count in ((answering, ANSWERING), (training, TRAINING)):
        told = re.split(r"\n\*\*(?=\d)", section)[1:]
        numbers = [int(n) for one in told for n in one.partition(". ")[0].split(", ")]
        assert sorted(numbers) == list(range(1, count + 1))
        assert all("::test_" in one for one in told)
