"""What is measured of a whole process: how it starts, and what it holds after many requests.

Knows no modality, and nothing of what the command `nextgpt` does inside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from nextgpt_core.benchmark.rows import Comparison, Figure, LeftOut, Rounds, alternating
from nextgpt_core.benchmark.subject import Subject
from nextgpt_registry.errors import RequestError

_NEXTGPT = (sys.executable, "-P", "-c", "from nextgpt_registry.cli import main; main()")
_IMPORTS = (sys.executable, "-P", "-c", "import torch, transformers")
_POLL_S = 0.02
_MEDIUM_EVERY = 8  # requests of a batch
_METADATA = "Metadata-Version: 2.1\nName: idle-plugin\nVersion: 1.0\n"
_ENTRY = "[nextgpt.plugins]\nidle = idle_plugin\n"
_MODULE = "import torch  # which is seen at once, if anything imports this\n"


def compared(subject: Subject) -> Iterator[Comparison | LeftOut]:
    """`start.*` and `batch.*`."""
    if subject.command is None or os.name != "posix":
        why = "no command could name this system: give its name or its file"
        if subject.command is not None:
            why = "this operating system does not say what a process took"
        yield from (LeftOut(name, why) for name in ("start", "batch"))
        return
    what = "`nextgpt run`: a short answer"
    cpu = Figure("start.cpu", what, "s of CPU", "all of it", "import torch, transformers")
    what = "`nextgpt run`: the most memory"
    memory = Figure("start.memory", what, "MB", "all of it", "the weights that it plans")
    yield Comparison((cpu, memory), partial(_start, subject, subject.command))
    what = "`nextgpt plan`: one more plugin installed"
    plugin = Figure(
        "start.plugin", what, "s of CPU", "a plugin that the config does not name", "none"
    )
    yield Comparison((plugin,), partial(_plugin, subject.command))
    count = subject.scale.requests
    what = f"`nextgpt run --batch`: memory, {count:,} requests"
    held = Figure("batch.memory", what, "MB", "at the end", f"after {subject.scale.settled}")
    yield Comparison((held,), partial(_batch, subject, subject.command))


def _start(subject: Subject, command: tuple[str, ...]) -> Rounds:
    planned = subject.pipeline.system.plan.bytes / 1e6
    with TemporaryDirectory() as folder:
        asked = (*command, "generation.max_tokens=8", "--text", "Hello.", "--out", folder)

        def ours() -> tuple[float, float]:
            with Child((*_NEXTGPT, "run", *asked)) as child:
                peak = max(child.watched())
            return child.cpu_s, peak / 1e6

        def other() -> tuple[float, float]:
            return _cpu_s(_IMPORTS), planned

        yield from alternating(ours, other)


def _plugin(command: tuple[str, ...]) -> Rounds:
    planning = (*_NEXTGPT, "plan", *(word for word in command if word != "--untrained"))
    with TemporaryDirectory() as with_it, TemporaryDirectory() as without:
        about = Path(with_it, "idle_plugin-1.0.dist-info")
        about.mkdir()
        (about / "METADATA").write_text(_METADATA, "utf-8")
        (about / "entry_points.txt").write_text(_ENTRY, "utf-8")
        Path(with_it, "idle_plugin.py").write_text(_MODULE, "utf-8")
        yield from alternating(
            lambda: (_cpu_s(planning, path=with_it),),
            lambda: (_cpu_s(planning, path=without),),
        )


def _batch(subject: Subject, command: tuple[str, ...]) -> Rounds:
    scale = subject.scale
    with TemporaryDirectory() as name:
        folder, found = Path(name), dict[int, int]()
        lines = [json.dumps(line) for line in _requests(subject, folder)]
        (folder / "requests.jsonl").write_text("\n".join(lines), "utf-8")
        answers = folder / "out" / "answers.jsonl"
        asked = ("--batch", str(folder / "requests.jsonl"), "--out", str(folder / "out"))
        with Child((*_NEXTGPT, "run", *command, *asked)) as child:
            for held in child.watched():
                found.setdefault(_lines(answers), held)
        settled = next((held for count, held in found.items() if count >= scale.settled), 0)
        yield ((found[max(found)] / 1e6, settled / 1e6),)


def _requests(subject: Subject, folder: Path) -> Iterator[Mapping[str, object]]:
    """Short ones: one in some with a medium, of each channel that can be given by turns."""
    media = [
        f"{channel}={subject.pipeline.write(part.media, folder / f'{channel}-{seed}')}"
        for seed in range(3)
        for channel in subject.readable
        if (part := subject.sample(channel, seed)).media is not None
    ]
    for n, text in enumerate(subject.prompts(subject.scale.requests)):
        with_it = media and n % _MEDIUM_EVERY == 0
        shown = [{"media": media[n // _MEDIUM_EVERY % len(media)]}] if with_it else []
        yield {"parts": [*shown, text], "max_tokens": 4, "max_media": 0}


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _cpu_s(command: tuple[str, ...], *, path: str = "") -> float:
    with Child(command, path=path) as child:
        for _ in child.watched():
            pass
    return child.cpu_s


class Child:
    """A process that is watched until it ends; a context manager, whose end is the process's."""

    def __init__(self, command: tuple[str, ...], *, path: str = "") -> None:
        self._command = command
        paths = (path, os.environ.get("PYTHONPATH", ""))
        self._env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self.cpu_s = 0.0  # of it and its own children, once it has ended

    def __enter__(self) -> Child:
        self._before = _ended_s()
        self._process = psutil.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._env,
        )
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Of the process."""
        return int(self._process.pid)

    def watched(self) -> Iterator[int]:
        """The bytes that it holds, now and then until it has ended.

        Raises:
            RequestError: it failed.
        """
        while self._process.poll() is None:
            with suppress(psutil.Error):  # it may have ended meanwhile
                yield self._process.memory_info().rss
            time.sleep(_POLL_S)
        self.cpu_s = _ended_s() - self._before
        if self._process.returncode:
            told = self._process.stderr.read().decode("utf-8", "replace").strip()
            raise RequestError(
                " ".join(self._command[4:]) or "a process",
                f"ended with {self._process.returncode}: {told[-500:]}",
                "run it by hand",
            )


def _ended_s() -> float:
    """The CPU seconds of all processes that this one started and that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system
