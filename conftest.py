"""What all tests share: skips for what a machine lacks, and how processes share them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# No deadline: the cores are shared with whatever else runs. CI draws the same examples each time.
settings.register_profile("repository", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("repository")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
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
            page = re.search(r"\[(\S+\.md):\d+\]$", nodeid)
            return page[1] if page else super()._split_scope(nodeid)

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


def _skip(items: Sequence[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
