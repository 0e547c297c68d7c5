"""Pages of documentation as blocks, and how one is run. Knows nothing about what they say.

A comment on the line above every python, bash or console block says whether it is run, and with
which pytest marks: `<!-- run -->`, `<!-- run: network slow -->`, `<!-- not run: takes hours -->`.
`<!-- run: fails -->` wants an error, and what the block shows of it; `<!-- save: NAME -->` writes
a block of any language to a file. Blocks of one page share a folder and run in their order; of a
console block the lines after `$ ` run. A page with `<!-- run: installs -->` has an environment of
its own, with all that this one has.
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
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


def environment(home: Path, *given: Path) -> Path:
    """The programs of an environment that has what this one has, or the folders `given` have.

    What is installed into it stays in it.
    """
    venv.create(home, with_pip=False)
    packages = home / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    add = [f"site.addsitedir({str(one)!r})" for one in given or (sysconfig.get_path("purelib"),)]
    (packages / "here.pth").write_text(f"import site; {'; '.join(add)}\n")
    for name, python in COMMANDS.items():
        write_program(home / "bin" / name, f'exec "{home}/bin/python" {python} "$@"')
    return home / "bin"


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(
    block: Block, folder: Path, programs: Sequence[Path], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    if block.language == "python":
        command = [str(programs[0] / "python"), "-c", block.text]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.script]
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def check(block: Block, folder: Path, *programs: Path, **variables: str) -> None:
    """Run or save a block in its page's folder; it ends as its mark says.

    Its commands are in the folders `programs`, its environment has the `variables`.
    """
    if block.saved:
        path = folder / block.saved
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    done = run(block, folder, programs, variables)
    output = f"{block.name}\n{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert (done.returncode != 0) == (FAILS in block.words), output
    if FAILS in block.words:
        assert block.shown
        assert not [piece for piece in block.shown if piece not in done.stderr], output
