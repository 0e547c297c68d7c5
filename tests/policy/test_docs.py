"""The documentation keeps its word: blocks run or say why not, commands and links exist."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docpages import FAILS, INSTALLS, NOT_RUN, ROOT, SHELLS, Block, blocks_of, check, environment

ERRORS = "registry/nextgpt_registry/error_pages"
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "registry/*.md",
        f"{ERRORS}/*.md",
        "plugins/**/*.md",
        "all/*.md",
    )
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def params(blocks: list[Block]) -> list[object]:
    return [
        pytest.param(block, id=block.name, marks=[getattr(pytest.mark, m) for m in block.marks])
        for block in blocks
    ]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """One folder for each page, so that a block finds what an earlier one made."""
    return {page: tmp_path_factory.mktemp("docs") for page in PAGES}


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """Where a page's commands are: here, or in an environment that it may install into."""
    install = {block.page for block in BLOCKS if INSTALLS in block.words}
    here = Path(sys.executable).parent
    return {
        page: environment(tmp_path_factory.mktemp("env")) if page in install else here
        for page in PAGES
    }


@pytest.mark.parametrize("block", params([b for b in BLOCKS if b.runs or b.saved]))
def test_marked_block_runs(
    block: Block, folders: dict[Path, Path], programs: dict[Path, Path]
) -> None:
    check(block, folders[block.page], programs[block.page])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_runs_or_says_why_not(page: Path) -> None:
    silent = [
        block.name
        for block in BLOCKS
        if block.page == page and block.language in ("python", *SHELLS)
        if not (block.runs or block.saved or NOT_RUN.match(block.above))
    ]

    assert not silent


def test_only_blocks_that_can_run_are_marked() -> None:
    wrong = [b.name for b in BLOCKS if b.runs and b.language not in ("python", *SHELLS)]

    assert not wrong


@pytest.mark.parametrize("block", params([b for b in BLOCKS if b.language == "python"]))
def test_python_block_parses(block: Block) -> None:
    ast.parse(block.text, filename=block.name)


def test_make_targets_in_docs_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    used = {
        (block.name, target)
        for block in BLOCKS
        if block.language in SHELLS
        for target in re.findall(r"^(?:\$ )?make ([\w-]+)", block.text, re.MULTILINE)
    }

    assert not {(name, target) for name, target in used if target not in targets}


def test_nextgpt_commands_in_docs_exist() -> None:
    script = Path(sys.executable).with_name("nextgpt")
    shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout

    used = {
        (block.name, command)
        for block in BLOCKS
        if block.language in SHELLS and FAILS not in block.words
        for command in re.findall(r"^(?:\$ )?nextgpt ([a-z]\w*)", block.text, re.MULTILINE)
    }

    assert not {(name, command) for name, command in used if command not in shown.split()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]

    local = [target.partition("#")[0] for target in targets if not target.startswith("http")]

    assert not [target for target in local if target and not (page.parent / target).exists()]
