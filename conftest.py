"""What all tests share: skips for what a machine lacks, samples of what is many, and counts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# No deadline: the cores are shared with whatever else runs. CI draws the same examples each time.
settings.register_profile("repository", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("repository")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="all of what is marked exhaustive")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        _sample(config, items)
    if hasattr(config, "workerinput"):
        _slow_first(items)
    if os.environ.get("NEXTGPT_OFFLINE"):
        _skip(items, "network", "NEXTGPT_OFFLINE is set")
    if any(item.get_closest_marker("gpu") for item in items):
        import torch  # 1.5 s: only where a test needs it

        if not torch.cuda.is_available():
            _skip(items, "gpu", "no CUDA device")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of several processes each has a file of tests at a time, or a page of documentation."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _together(nodeid)

    return Scheduling(config, log)


@pytest.fixture
def run_script() -> Callable[..., str]:
    """Runs a script in a process of its own, where it may import `killing`; what it printed."""
    tests = Path(__file__).parent / "tests"
    env = {**os.environ, "PYTHONPATH": str(tests), "OMP_NUM_THREADS": "1"}

    def run(text: str, *arguments: object) -> str:
        command = [sys.executable, "-c", text, *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Of tests/hostile/test_KIND.py: how many inputs, and what became of them."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for status, reports in terminalreporter.stats.items():
        for report in reports:
            kind = re.search(r"tests/hostile/test_(\w+)\.py::", getattr(report, "nodeid", ""))
            if kind is None or status not in ("passed", "failed", "error"):
                continue
            counts = dict(report.user_properties).get("hostile")  # tests/hostile/conftest.py
            if status == "passed":
                kinds[kind[1]].update(counts or {"right": 1})
            elif report.when == "call" or status == "error":
                kinds[kind[1]].update({"wrong": 1})
    if not kinds:
        return
    terminalreporter.section("hostile inputs")
    for name, counts in [*sorted(kinds.items()), ("all", sum(kinds.values(), Counter()))]:
        terminalreporter.write_line(
            f"{name:12} {counts.total():6} inputs: {counts['right']} right, "
            f"{counts['refused']} clean refusals, {counts['wrong']} wrong"
        )


def _sample(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of each test marked `exhaustive(sample=n)` keep n cases, the same each time; else none."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("exhaustive"):
            cases[item.nodeid.partition("[")[0]].append(item)
    left_out: set[pytest.Item] = set()
    for many in cases.values():
        kept = many[0].get_closest_marker("exhaustive").kwargs.get("sample", 0)  # type: ignore[union-attr]
        left_out.update(sorted(many, key=lambda item: zlib.crc32(item.nodeid.encode()))[kept:])
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _slow_first(items: list[pytest.Item]) -> None:
    """What several processes share ends with quick files, so that none waits long for another."""
    slow = {_together(item.nodeid) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: _together(item.nodeid) not in slow)


def _together(nodeid: str) -> str:
    """The file of a test, or its page of documentation: one process runs all that is of it."""
    page = re.search(r"\[(\S+\.md):\d+\]$", nodeid)
    return page[1] if page else nodeid.partition("::")[0]


def _skip(items: Sequence[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
