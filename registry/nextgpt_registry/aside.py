"""Files and folders written aside and put in their place whole. Knows nothing of what is in them.

A scratch folder is held through a lock on a file inside it, which the system frees when its holder
dies, however it dies. Whoever wants the same folder next finds what was left there and removes it:
so nothing is left for good, and nothing of a process that lives is touched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

_HELD = ".held"
_PATIENCE_S = 2
_log = logging.getLogger(__name__)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """The folder, held by one process and thread at a time, and gone afterwards.

    Another who wants it waits. What a killed holder left in it is there at the start.
    """
    lock = _hold(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        with contextlib.suppress(OSError):  # where a file that is open cannot be removed
            (folder / _HELD).unlink(missing_ok=True)
            folder.rmdir()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what takes the place of the file, or of the absent or empty folder, `path`.

    It does when the block ends, on the disk before it counts; if the block fails, all is as before.
    """
    with scratch(beside(path)) as room:
        fresh = room / path.name
        remove(fresh)
        yield fresh
        flush(fresh)
        if path.is_dir():
            path.rmdir()  # an empty one; some systems put nothing in its place
        fresh.replace(path)
        flush_names(path.parent)


def beside(path: Path) -> Path:
    """The scratch folder of what is written to `path`: on the same disk, and out of sight."""
    return path.with_name(f".{path.name}.new")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Have a file, or every file of a folder, on the disk: what is renamed later is then whole."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb") as opened, contextlib.suppress(OSError):  # some want it writable
                os.fsync(opened.fileno())


def flush_names(folder: Path) -> None:
    """Have the names of a folder on the disk, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _hold(folder: Path) -> BaseFileLock:
    from filelock import FileLock, Timeout  # lazy: 60 ms that a plan of a cached system saves

    told = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _HELD)
        try:
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            if not told:
                _log.warning("waiting for another process that writes in %s", folder.parent)
            told = True
            continue
        except FileNotFoundError:  # whoever held it has just removed it
            continue
        if (folder / _HELD).exists():
            return lock
        lock.release()
