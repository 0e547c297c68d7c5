"""Folders in the user's cache that are whole or absent. Does not know where their files come from.

    <cache>/<kind>/<key>/...            files, with a manifest of their sizes, times and sha256s
    <cache>/staging/<kind>-<key>/       being built; renamed into place when complete
    <cache>/locks/<kind>-<key>.lock     held while building; the system frees it if its owner dies

What is trusted: a folder appears under its name only by a rename after everything in it was
written and hashed, so a run killed at any moment leaves a staging folder, which nothing reads and
the next one that builds anything removes. Later, a file whose size and modification time are those
of the manifest is taken as it is; one whose time differs (a copied cache, an edited file) is hashed
again; one that does not match makes the whole folder count as absent, and it is built anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from nextgpt_registry.documents import json_of
from nextgpt_registry.errors import SourceError
from nextgpt_registry.paths import local_path

_MANIFEST = ".nextgpt.json"

_log = logging.getLogger(__name__)

Build = Callable[[Path], None]
"""Fills the folder it is given; that folder's parent is scratch space, removed afterwards."""


def cache_dir() -> Path:
    """The folder everything fetched or converted is kept in; `NEXTGPT_CACHE` overrides it."""
    chosen = os.environ.get("NEXTGPT_CACHE")
    if chosen:
        return local_path(chosen, who="NEXTGPT_CACHE", error=SourceError).absolute()
    return Path(platformdirs.user_cache_dir("nextgpt", appauthor=False))


def switched_off(*switches: str) -> str | None:
    """The first of these environment variables that is set to yes, as `NAME=value`."""
    for name in switches:
        value = os.environ.get(name, "")
        if value.lower() in {"1", "true", "yes", "on"}:
            return f"{name}={value}"
    return None


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stored(kind: str, key: str) -> Path | None:
    """The folder `kind/key` if it is complete and undamaged, else None. Takes no lock."""
    folder = cache_dir() / kind / key
    try:
        manifest = json_of((folder / _MANIFEST).read_bytes())
        renewed = {name: _checked(folder / name, entry) for name, entry in manifest.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # absent, torn or not ours
        return None
    if renewed != manifest:
        with contextlib.suppress(OSError):  # a read-only cache works, hashing every time
            _write_manifest(folder, renewed)
    return folder


def store(kind: str, key: str, build: Build) -> Path:
    """The folder `kind/key`, filled by `build` unless it is already there.

    Two processes (or threads) asking at once build it once: the second waits for the first.
    """
    found = stored(kind, key)
    if found:
        return found
    root = cache_dir()
    with staging(f"{kind}-{key}") as stage:
        found = stored(kind, key)  # another process may have built it while we waited
        if found:
            return found
        fresh, target = stage / "fresh", root / kind / key
        fresh.mkdir()
        build(fresh)
        _write_manifest(fresh, {name: _entry(fresh / name) for name in _files(fresh)})
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.replace(stage / "damaged")
        fresh.replace(target)
    return target


@contextmanager
def staging(name: str) -> Iterator[Path]:
    """A folder of this name to work in, held by one process at a time and gone afterwards."""
    root = cache_dir()
    with _locked(root / "locks", name):
        stage = root / "staging" / name
        shutil.rmtree(stage, ignore_errors=True)  # left by a killed run; the lock makes it ours
        _sweep(root)
        stage.mkdir(parents=True)
        try:
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed runs left in staging, whatever they were building."""
    from filelock import FileLock, Timeout

    for stage in (root / "staging").iterdir() if (root / "staging").is_dir() else ():
        lock = FileLock(root / "locks" / f"{stage.name}.lock")
        with contextlib.suppress(Timeout, OSError), lock.acquire(timeout=0):
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    from filelock import FileLock, Timeout  # lazy: 60 ms that a plan of a cached system saves

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=2)
    except Timeout:
        _log.warning("waiting for another process that is preparing %s", name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _entry(path: Path) -> list[Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        with contextlib.suppress(OSError):  # some systems refuse it on a file opened to read
            os.fsync(file.fileno())  # before the rename, so that a power cut cannot tear it
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, digest]


def _checked(path: Path, entry: list[Any]) -> list[Any]:
    """The entry with its time renewed; raises ValueError if the bytes are not the recorded ones."""
    size, mtime, digest = entry
    status = path.stat()
    if status.st_size != size:
        raise ValueError(path)
    if status.st_mtime_ns != mtime and sha256_of(path) != digest:
        raise ValueError(path)
    return [size, status.st_mtime_ns, digest]


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    aside = folder / f"{_MANIFEST}.{os.getpid()}"
    aside.write_text(json.dumps(manifest), "utf-8")
    aside.replace(folder / _MANIFEST)
