"""The documentation keeps its word: blocks run or say why not, commands and links exist."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docpages import (
    COMMANDS,
    FAILS,
    INSTALLS,
    NOT_RUN,
    ROOT,
    SHELLS,
    Block,
    blocks_of,
    check,
    environment,
    write_program,
)

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
WARM = ROOT / "tests" / "warm.py"
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
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`nextgpt` and `python -c` of this environment, done by a process that has torch already."""
    home = tmp_path_factory.mktemp("warm")
    here = shlex.join([sys.executable, "-S", "-E", str(WARM), str(home / "door")])
    write_program(home / "nextgpt", f'exec {here} {COMMANDS["nextgpt"]} "$@"')
    cold = f'[ "$1" = -c ] || exec {sys.executable} "$@"'
    write_program(home / "python", f'{cold}\nexec {here} "$@"')
    command = [sys.executable, str(WARM), str(home / "door")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield home
        process.communicate()  # its input ends, and so does it


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> dict[Path, list[Path]]:
    """Where a page's commands are: here, or in an environment that it may install into."""
    install = {block.page for block in BLOCKS if INSTALLS in block.words}
    here = Path(sys.executable).parent
    return {
        page: [environment(tmp_path_factory.mktemp("env"))] if page in install else [warm, here]
        for page in PAGES
    }


def unparsed(block: Block) -> str:
    """What keeps it from being Python; empty if nothing does."""
    try:
        ast.parse(block.text, filename=block.name)
    except SyntaxError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("block", params([b for b in BLOCKS if b.runs or b.saved]))
def test_marked_block_runs(
    block: Block, folders: dict[Path, Path], programs: dict[Path, list[Path]]
) -> None:
    check(block, folders[block.page], *programs[block.page])


def test_every_block_runs_or_says_why_not() -> None:
    silent = [
        block.name
        for block in BLOCKS
        if block.language in ("python", *SHELLS)
        if not (block.runs or block.saved or NOT_RUN.match(block.above))
    ]

    assert not silent


def test_only_blocks_that_can_run_are_marked() -> None:
    wrong = [b.name for b in BLOCKS if b.runs and b.language not in ("python", *SHELLS)]

    assert not wrong


def test_every_python_block_parses() -> None:
    wrong = {b.name: fault for b in BLOCKS if b.language == "python" and (fault := unparsed(b))}

    assert not wrong


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


def test_relative_links_lead_somewhere() -> None:
    links = {
        (page, match["target"].partition("#")[0])
        for page in PAGES
        for match in LINK.finditer(page.read_text(encoding="utf-8"))
        if not match["target"].startswith("http")
    }

    astray = [
        f"{page.relative_to(ROOT)}: {to}" for page, to in links if not (page.parent / to).exists()
    ]

    assert not sorted(astray)
