"""What all tests share: skips for what a machine lacks, and how processes share them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
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


def _skip(items: Sequence[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
