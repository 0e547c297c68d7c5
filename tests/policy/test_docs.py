"""The documentation keeps its word: marked blocks run, commands and links exist, Python parses.

A comment on the line above a python, bash or console block marks it to be run, with the pytest
marks that apply: `<!-- run -->`, `<!-- run: network slow -->`. Blocks of one file share a folder
and run in their order; of a console block the lines after `$ ` run. Knows nothing about what the
blocks say.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "registry/*.md", "plugins/*/*.md")
    for path in ROOT.glob(pattern)
)
MARK = re.compile(r"^<!-- run(?::(?P<marks>[ \w]*))? -->$")
FENCE = re.compile(r"^```(?P<language>\w*)")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
SHELLS = ("bash", "console")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    runs: bool
    marks: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def script(self) -> str:
        """What a shell is to run: of a console block, the lines typed at its prompt."""
        if self.language != "console":
            return self.text
        typed, continued = [], False
        for line in self.text.splitlines():
            if continued or line.startswith("$ "):
                typed.append(line.removeprefix("$ "))
                continued = line.endswith("\\")
        return "\n".join(typed)


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    start, language = None, ""
    for number, line in enumerate(lines):
        if start is not None and line.startswith("```"):
            mark = MARK.match(lines[start - 1]) if start else None
            marks = tuple((mark["marks"] or "").split()) if mark else ()
            text = "\n".join(lines[start + 1 : number]) + "\n"
            yield Block(page, start + 1, language, text, mark is not None, marks)
            start = None
        elif start is None and (fence := FENCE.match(line)):
            start, language = number, fence["language"]


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


def run(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.script]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


@pytest.mark.parametrize("block", params([block for block in BLOCKS if block.runs]))
def test_marked_block_runs(block: Block, folders: dict[Path, Path]) -> None:
    done = run(block, folders[block.page])

    assert done.returncode == 0, f"{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


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
        if block.language in SHELLS
        for command in re.findall(r"^(?:\$ )?nextgpt ([a-z]\w*)", block.text, re.MULTILINE)
    }

    assert not {(name, command) for name, command in used if command not in shown.split()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]

    local = [target.partition("#")[0] for target in targets if not target.startswith("http")]

    assert not [target for target in local if target and not (page.parent / target).exists()]
