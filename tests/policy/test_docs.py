"""The documentation keeps its word: blocks run or say why not, commands and links exist.

A comment on the line above every python, bash or console block says whether it is run, and with
which pytest marks: `<!-- run -->`, `<!-- run: network slow -->`, `<!-- not run: takes hours -->`.
`<!-- run: fails -->` wants an error, and what the block shows of it; `<!-- save: NAME -->` writes
a block of any language to a file. Blocks of one page share a folder and run in their order; of a
console block the lines after `$ ` run. Python and `nextgpt` are forks of one process that has torch
already (tests/warm.py); a page with `<!-- run: installs -->` has an environment of its own, with
all that this one has, where they start anew. Knows nothing about what the blocks say.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WARM = ROOT / "tests" / "warm.py"
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
MARK = re.compile(r"^<!-- run(?::(?P<marks>[ \w]*))? -->$")
SAVE = re.compile(r"^<!-- save: (?P<name>[\w./-]+) -->$")
NOT_RUN = re.compile(r"^<!-- not run: \S.* -->$")
FAILS, INSTALLS = "fails", "installs"
COMMANDS = {
    "nextgpt": '-c "from nextgpt_registry.cli import main; main()"',
    "pip": "-m pip",
    "pytest": "-m pytest",
}
FENCE = re.compile(r"^```(?P<language>\w*)")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
SHELLS = ("bash", "console")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    above: str

    @property
    def runs(self) -> bool:
        return MARK.match(self.above) is not None

    @property
    def saved(self) -> str:
        """The file that it is saved as."""
        save = SAVE.match(self.above)
        return save["name"] if save else ""

    @property
    def words(self) -> list[str]:
        """What the mark says beside `run`."""
        mark = MARK.match(self.above)
        return (mark["marks"] or "").split() if mark else []

    @property
    def marks(self) -> list[str]:
        return [word for word in self.words if word not in (FAILS, INSTALLS)]

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

    @property
    def shown(self) -> list[str]:
        """Of a console block, what is shown as printed, in pieces: `…` stands for anything."""
        if self.language != "console":
            return []
        lines = [line for line in self.text.splitlines() if not line.startswith("$ ")]
        return [piece for line in lines for each in line.split("…") if (piece := each.strip())]


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    start, language = None, ""
    for number, line in enumerate(lines):
        if start is not None and line.startswith("```"):
            text = "\n".join(lines[start + 1 : number]) + "\n"
            yield Block(page, start + 1, language, text, lines[start - 1] if start else "")
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
def programs(tmp_path_factory: pytest.TempPathFactory, warm: Path) -> dict[Path, Path]:
    """Where a page's commands are: here, or in an environment that it may install into."""
    install = {block.page for block in BLOCKS if INSTALLS in block.words}
    return {
        page: environment(tmp_path_factory.mktemp("env")) if page in install else warm
        for page in PAGES
    }


def environment(home: Path) -> Path:
    """The programs of an environment that has what this one has; what it installs stays in it."""
    venv.create(home, with_pip=False)
    packages = home / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    here = sysconfig.get_path("purelib")
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    for name, python in COMMANDS.items():
        write_program(home / "bin" / name, f'exec "{home}/bin/python" {python} "$@"')
    return home / "bin"


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def unparsed(block: Block) -> str:
    """What keeps it from being Python; empty if nothing does."""
    try:
        ast.parse(block.text, filename=block.name)
    except SyntaxError as error:
        return str(error)
    return ""


def run(block: Block, folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    if block.language == "python":
        command = [str(programs / "python"), "-c", block.text]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.script]
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
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


@pytest.mark.parametrize("block", params([b for b in BLOCKS if b.runs or b.saved]))
def test_marked_block_runs(
    block: Block, folders: dict[Path, Path], programs: dict[Path, Path]
) -> None:
    if block.saved:
        path = folders[block.page] / block.saved
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    done = run(block, folders[block.page], programs[block.page])

    told = f"{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert (done.returncode != 0) == (FAILS in block.words), told
    if FAILS in block.words:
        assert block.shown
        assert not [piece for piece in block.shown if piece not in done.stderr], told


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
