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
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

_HELD = ".held"
_PATIENCE_S = 2
_MISSES, _PAUSE_S = 1000, 0.001
_READ = 0o444
_OPEN_FILES_STAY = os.name == "nt"
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
        _empty(folder)
        if not _OPEN_FILES_STAY:
            _leave(folder)
        lock.release()
        if _OPEN_FILES_STAY:
            _leave(folder)  # nor does the file of whoever holds it by now


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Where to write what takes the place of the file, or of the absent or empty folder, `path`.

    It does when the block ends, on the disk before it counts; if the block fails, all is as before.
    """
    with scratch(beside(path)) as room:
        fresh = room / path.name
        remove(fresh)
        yield fresh
        share(fresh)
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


def share(path: Path) -> None:
    """Let a new file, or those of a new folder, be read by whoever may read the folder it is in.

    safetensors writes for its owner alone, and a saved system may be another account's to run.
    """
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            file.chmod(file.stat().st_mode | file.parent.stat().st_mode & _READ)


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


def _empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # of a disk that fails: the next holder tries again
        for path in folder.iterdir():
            if path.name != _HELD:
                remove(path)


def _leave(folder: Path) -> None:
    """Remove the folder, the file that says who holds it last: until then nobody else works in it.

    Somebody may hold it as soon as that file is gone: then the folder is theirs, and not empty.
    """
    with contextlib.suppress(OSError):
        (folder / _HELD).unlink()
        folder.rmdir()


def _hold(folder: Path) -> BaseFileLock:
    from filelock import FileLock, Timeout  # lazy: 60 ms that a plan of a cached system saves

    told, missed = False, 0
    while True:
        lock = FileLock(folder / _HELD)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            if not told:
                _log.warning("waiting for another process that writes in %s", folder.parent)
            told = True
            continue
        except (FileNotFoundError, FileExistsError):  # whoever held it has just removed it
            missed += 1
            if missed == _MISSES:
                raise
            time.sleep(_PAUSE_S)
            continue
        if (folder / _HELD).exists():
            return lock
        lock.release()
