"""Folders of training runs, which one process at a time works in. Knows nothing of training."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from nextgpt_registry.errors import TrainingError
from nextgpt_registry.fetch.cache import cache_dir


def runs() -> Path:
    """Where training runs are kept: outside any checkout, so that they outlive it."""
    return cache_dir() / "runs" / "mini"


def hold(folder: Path) -> AbstractContextManager[object]:
    """The folder, held from now to the end of `with`, so that two processes never train in it.

    Raises:
        TrainingError: another process does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / ".lock").acquire(timeout=1)
    except Timeout as error:
        raise TrainingError(
            str(folder), "another process trains in this folder", "wait for it, or end it"
        ) from error
