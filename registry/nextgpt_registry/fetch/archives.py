"""Members of archives, zipped or tarred. Does not know how they were fetched.

Archives are data here: nothing in them is run, a name that would leave the folder is refused, and
links are followed only within the archive.
"""

from __future__ import annotations

import difflib
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import IO, NoReturn

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.schemes import Scheme

_DAMAGED = (zipfile.BadZipFile, tarfile.ReadError, EOFError, zlib.error)


def copy_member(archive: Path, scheme: Scheme, member: str, out: IO[bytes]) -> None:
    """Append one member's bytes to `out`.

    Raises:
        SourceError: the archive is damaged or has no such member.
    """
    with _blamed(archive), scheme.open(archive) as opened:
        seen = []
        for name, read in _files(opened, scheme):
            seen.append(name)
            if name == member:
                with read() as data:
                    shutil.copyfileobj(data, out, 1 << 20)
                return
        _no_member(archive, member, seen)


def unpack(archive: Path, scheme: Scheme, into: Path) -> None:
    """Write every file of the archive under the folder `into`.

    Raises:
        SourceError: the archive is damaged, or a name in it would leave `into`.
    """
    with _blamed(archive), scheme.open(archive) as opened:
        if isinstance(opened, zipfile.ZipFile):
            for member in opened.infolist():
                member.filename = scheme.inside(member.filename)
                if _leaves(member.filename):
                    _refuse(archive, member.filename)
            opened.extractall(into, [member for member in opened.infolist() if member.filename])
            return
        for info in opened:
            kept = _safe(archive, scheme, info, into)
            if kept is not None:
                opened.extract(kept, into, filter="fully_trusted")  # _safe is our filter


def _files(
    opened: zipfile.ZipFile | tarfile.TarFile, scheme: Scheme
) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    """Each file's name as a source spells it, and what opens it until the next is asked for."""
    if isinstance(opened, zipfile.ZipFile):
        for member in opened.infolist():
            yield scheme.inside(member.filename), partial(opened.open, member)
        return
    for info in opened:
        if info.isfile():
            yield scheme.inside(info.name), partial(_opened, opened, info)


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    data = tar.extractfile(info)
    assert data is not None
    return data


def _safe(
    archive: Path, scheme: Scheme, info: tarfile.TarInfo, into: Path
) -> tarfile.TarInfo | None:
    """The member as it may be written, or None for what is not data of this archive."""
    name = scheme.inside(info.name)
    if not name or name == ".":
        return None
    if _leaves(name):
        _refuse(archive, info.name)
    try:
        return tarfile.data_filter(info.replace(name=name, deep=False), str(into))
    except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
        return None  # into the system, as Debian packages link: not data of this package
    except tarfile.FilterError:
        _refuse(archive, info.name)


def _leaves(name: str) -> bool:
    """Whether a name points elsewhere on any system: by Windows' rules, which include drives."""
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts


@contextmanager
def _blamed(archive: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise SourceError(
            archive.name, f"is damaged or no archive: {error}", "fetch it again"
        ) from error


def _no_member(archive: Path, member: str, names: Iterable[str]) -> NoReturn:
    files = [name for name in names if name and not name.endswith("/")]
    near = difflib.get_close_matches(member, files, n=3, cutoff=0.5) or files[:3]
    raise SourceError(
        archive.name,
        f"has no member {member!r} among its {len(files)} files",
        f"did you mean one of {', '.join(near)}?",
    )


def _refuse(archive: Path, name: str) -> NoReturn:
    raise SourceError(
        archive.name, f"member {name!r} would be written outside its folder", "do not use it"
    )
