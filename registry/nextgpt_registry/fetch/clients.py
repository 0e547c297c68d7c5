"""Run pip, npm or apt-get to fetch one archive. Does not look inside what arrives.

The clients already know their indexes, mirrors, proxies and credentials, so this project names no
host. Nothing fetched is run: pip takes wheels only (an sdist would run its build), npm scripts are
off, and a Debian package is downloaded, never installed.
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
_Observe = Callable[[], tuple[int, int | None]]


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

    _run(who, [*command, requirement], into, report, observe)
    return _only(who, into, "*.whl")


def npm_package(who: str, spec: str, into: Path, report: Report) -> Path:
    """The tarball of `NAME@VERSION`, downloaded into the folder `into`."""
    npm = _find(who, "npm", "install npm (it comes with Node.js)")
    command = [npm, "pack", "--ignore-scripts", "--pack-destination", str(into), spec]
    _run(who, command, into, report, lambda: (_size(into, "*.tgz"), None))
    return _only(who, into, "*.tgz")


def deb_package(who: str, spec: str, into: Path, report: Report) -> Path:
    """The package `NAME[=VERSION]`, downloaded into the folder `into`."""
    apt = _find(who, "apt-get", "deb: sources need a Debian-like system")
    command = [apt, "download", "-q", spec]
    _run(who, command, into, report, lambda: (_size(into, "*.deb"), None))
    return _only(who, into, "*.deb")


def _run(who: str, command: Sequence[str], into: Path, report: Report, observe: _Observe) -> None:
    """Run a client in `into`, reporting what `observe` counts; its last words go in the error."""
    log = into / "log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    with (
        log.open("wb") as out,
        Leashed(command, cwd=into, env=environment, output=out) as client,
    ):
        while client.poll() is None:
            time.sleep(0.05)
            report(*observe())
    if client.returncode != 0:
        raise SourceError(who, f"{_tool(command)} failed: {_last_words(_text(log))}", _RETRY)


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


def _find(who: str, client: str, fix: str) -> str:
    found = shutil.which(client)
    if found is None:
        raise SourceError(who, f"needs the command {client!r}, which is not on the PATH", fix)
    return found


def _only(who: str, folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        names = sorted(p.name for p in folder.iterdir())
        raise SourceError(who, f"wanted one {pattern} file, found {names}", _RETRY)
    return found[0]


def _size(folder: Path, pattern: str) -> int:
    return sum(p.stat().st_size for p in folder.glob(pattern))


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")
