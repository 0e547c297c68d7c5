"""Run pip, or another client, to fetch one archive. Does not look inside what arrives.

The clients already know their indexes, mirrors, proxies and credentials, so this project names no
host. Nothing fetched is run: pip takes wheels only, for an sdist would run its build.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.progress import Report
from nextgpt_registry.leash import Leashed

_RETRY = "check the name, the version and the network, then try again"
Observe = Callable[[], tuple[int, int | None]]
"""Gives the bytes that are there, and all that there will be if that is known."""


def pip_wheel(who: str, requirement: str, into: Path, report: Report) -> Path:
    """The wheel of `NAME==VERSION`, downloaded into the folder `into`."""
    if importlib.util.find_spec("pip") is None:
        raise SourceError(who, f"pip is missing from {sys.executable}", "run `python -m ensurepip`")
    command = [sys.executable, "-m", "pip", "download", "--only-binary=:all:", "--no-deps"]
    command += ["--no-input", "--disable-pip-version-check", "--dest", str(into)]
    if _pip_counts_bytes():
        command += ["--progress-bar", "raw"]
    log = into / "log"

    def observe() -> tuple[int, int | None]:
        counts = re.findall(r"Progress (\d+) of (\d+)", _text(log))
        return (int(counts[-1][0]), int(counts[-1][1])) if counts else (0, None)

    return run_client(who, [*command, requirement], into, report, wanted="*.whl", observe=observe)


def run_client(
    who: str,
    command: Sequence[str],
    into: Path,
    report: Report,
    *,
    wanted: str,
    fix: str = "install it",
    observe: Observe | None = None,
) -> Path:
    """The one file `wanted` (such as `*.tgz`) that a command leaves in the folder `into`.

    `observe` counts bytes while it runs; by default those of what is wanted.

    Raises:
        SourceError: the command is not there (`fix` says how it would be), fails, or leaves
            another number of such files. Its last words are in the error.
    """
    found = shutil.which(command[0])
    if found is None:
        what = f"needs the command {command[0]!r}, which is not on the PATH"
        raise SourceError(who, what, fix)
    counted = observe or (lambda: (sum(p.stat().st_size for p in into.glob(wanted)), None))
    log = into / "log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    with (
        log.open("wb") as out,
        Leashed([found, *command[1:]], cwd=into, env=environment, output=out) as client,
    ):
        while client.poll() is None:
            time.sleep(0.05)
            report(*counted())
    if client.returncode != 0:
        raise SourceError(who, f"{_tool(command)} failed: {_last_words(_text(log))}", _RETRY)
    files = list(into.glob(wanted))
    if len(files) != 1:
        names = sorted(p.name for p in into.iterdir())
        raise SourceError(who, f"wanted one {wanted} file, found {names}", _RETRY)
    return files[0]


def _tool(command: Sequence[str]) -> str:
    return "pip" if "pip" in command else Path(command[0]).name


def _last_words(log: str) -> str:
    """What a client said went wrong, or else the last it said."""
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith("Progress ")]
    errors = [line for line in lines if re.match(r"ERROR|npm error|npm ERR|E:", line)]
    return " | ".join((errors or lines)[-4:]) or "it said nothing"


def _pip_counts_bytes() -> bool:
    major, minor = (int(n) for n in importlib.metadata.version("pip").split(".")[:2])
    return (major, minor) >= (24, 1)


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")
