"""A folder becomes a library: files are read by the installed plugins, captions become vectors.

What is unchanged (size and time, else sha256) is not decoded again, and what was done is kept every
half minute, so that the same call goes on after a kill. Searches nothing.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError, NextGPTError, SourceError
from nextgpt_registry.fetch.cache import cache_dir
from nextgpt_registry.media import Blob
from nextgpt_retrieval.captions import caption_of
from nextgpt_retrieval.library import Array, Item, Library, read_as, write
from nextgpt_retrieval.text import CaptionEncoder

KEEP_S = 30.0
"""Between two states that are written while a folder is gone through."""

_OWN = re.compile(r"\.?(library|items|vectors)\b.*")
"""Names in a library's folder, those of files that a killed process left included."""

OnFile = Callable[[int, int], None]
"""Called as `on_file(done, total)`."""


@dataclass
class Indexed:
    """What an index came to."""

    library: Library
    read: int = 0  # new or changed files
    kept: int = 0  # unchanged ones
    refused: dict[str, str] = field(default_factory=dict)  # by file, why


@dataclass(frozen=True)
class Source:
    """What is indexed: a folder, what is told of its files, and who reads them."""

    folder: Path
    captions: Mapping[str, str]
    catalog: Catalog

    def files(self, out: Path) -> list[tuple[Path, str]]:
        """The files that may be media and their names from the folder; none of the library's."""
        suffixes = {s for m in self.catalog.modalities.values() for s in m.suffixes}
        found = []
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") for part in name.parts)
            if hidden or path.is_relative_to(out) or not path.is_file():
                continue
            if path.suffix.lower() in suffixes or name.as_posix() in self.captions:
                found.append((path, name.as_posix()))
        return found

    def item(self, path: Path, name: str, before: Item | None) -> Item:
        """A file as an item; `before` is what it was at the last time.

        Raises:
            MediaError: no plugin reads it, or its caption cannot be had.
        """
        status, caption = path.stat(), caption_of(path, name, self.captions)
        now: dict[str, Any] = {
            "size": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "caption": caption,
        }
        if before and (before.size, before.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return before.model_copy(update=now)
        data = self._data(path, status.st_size)
        sha256 = hashlib.sha256(data).hexdigest()
        if before and before.sha256 == sha256:
            return before.model_copy(update=now)
        modality = self._modality(path, data)
        mime = mimetypes.guess_type(path.name)[0] or self.catalog.modality(modality).mime[0]
        return Item(path=name, sha256=sha256, modality=modality, mime=mime, **now)

    def _candidates(self, path: Path) -> list[str]:
        suffix = path.suffix.lower()
        known = self.catalog.modalities.values()
        return [m.name for m in known if suffix in m.suffixes] or [m.name for m in known]

    def _data(self, path: Path, size: int) -> bytes:
        most = max(self.catalog.modality(m).limit("bytes") for m in self._candidates(path))
        if size > most:
            raise MediaError(path.name, f"has {size:,} bytes, at most {most:,.0f} are read")
        return path.read_bytes()

    def _modality(self, path: Path, data: bytes) -> str:
        candidates = self._candidates(path)
        blob = Blob(data, path.name, guess=len(candidates) > 1)
        for modality in candidates:
            if read_as(modality, blob, self.catalog) is not None:
                return modality
        raise MediaError(path.name, f"is read by no plugin of {', '.join(candidates)}")


def index(
    source: Source,
    out: Path,
    encoder: CaptionEncoder,
    version: str,
    *,
    on_file: OnFile = lambda done, total: None,
) -> Indexed:
    """Index a folder into the library `out`, or bring that up to date.

    Raises:
        SourceError: there is no such folder, `out` holds something else or is in use, or not one
            file could be indexed.
    """
    if not source.folder.is_dir():
        raise SourceError(str(source.folder), "is no folder", "give the folder of your media")
    with _held(out):
        known = _known(out, version)
        files, root = source.files(out), os.path.relpath(source.folder, out)
        rows: dict[str, tuple[Item, Array]] = {}
        refused: dict[str, str] = {n: "no such file" for n in missing(source.captions, files)}
        read, saved = 0, time.monotonic()
        for done, (path, name) in enumerate(files):
            on_file(done, len(files))
            before = known.get(name)
            try:
                item = source.item(path, name, before and before[0])
            except (NextGPTError, OSError) as error:
                refused[name] = _reason(error)
                continue
            same = before is not None and before[0].sha256 == item.sha256
            read += not same
            if before is not None and before[0].caption == item.caption:
                rows[name] = (item, before[1])
            else:
                rows[name] = (item, embed(encoder, item.caption))
            if time.monotonic() - saved > KEEP_S:
                write(out, encoder=version, root=root, items=({**known, **rows}).values())
                saved = time.monotonic()
        on_file(len(files), len(files))
        if not rows:
            raise SourceError(str(source.folder), _nothing(refused), "give a folder with media")
        library = write(out, encoder=version, root=root, items=rows.values())
    return Indexed(library, read, len(rows) - read, refused)


def missing(captions: Mapping[str, str], files: list[tuple[Path, str]]) -> list[str]:
    """The names that have a caption and no file."""
    return sorted(set(captions) - {name for _, name in files})


@torch.no_grad()
def embed(encoder: CaptionEncoder, caption: str) -> Array:
    """A caption -> (D,) float32 of length 1."""
    found: Array = encoder([caption])[0].cpu().numpy()
    return found


@contextmanager
def _held(out: Path) -> Iterator[None]:
    foreign = [p.name for p in out.iterdir() if not _OWN.match(p.name)] if out.is_dir() else []
    if foreign:
        what = f"holds something other than a library ({foreign[0]})"
        raise SourceError(str(out), what, "choose another --out")
    path = lock_of(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=1):
            yield
    except Timeout as error:
        raise SourceError(str(out), "is being indexed by another process", "wait for it") from error


def lock_of(out: Path) -> Path:
    """What a process holds while it works on a library: outside of it, which may be copied."""
    name = hashlib.sha256(str(out).encode()).hexdigest()[:16]
    return cache_dir() / "locks" / f"retrieval-{name}.lock"


def _known(out: Path, version: str) -> dict[str, tuple[Item, Array]]:
    """The items of an earlier index and their vectors; none of another encoder or format."""
    try:
        library = Library.open(out)
        library.needs(version)
    except SourceError:
        return {}
    return {
        item.path: (item, vector)
        for modality, items in library.by_modality.items()
        for item, vector in zip(items, library.vectors[modality], strict=True)
    }


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, NextGPTError) else str(error)


def _nothing(refused: Mapping[str, str]) -> str:
    first = next((f"; {name}: {why}" for name, why in refused.items()), "")
    return f"holds not one file that a plugin reads{first}"
