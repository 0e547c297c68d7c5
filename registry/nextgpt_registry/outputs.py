"""Whether results can be put where they are asked for: tried before the work, not after it.

Knows nothing about what is written there.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from tempfile import NamedTemporaryFile

from nextgpt_registry.errors import RequestError


def check_folder(folder: Path, *, option: str = "--out") -> Path:
    """The absolute path of a folder that can be made, and in which files can be written.

    A file is written there and removed again, and so are folders that were missing.

    Raises:
        RequestError: something is in the way, or it is not allowed; it names `option`.
    """
    made: list[Path] = []
    try:
        path = folder.expanduser().absolute()
        for missing in reversed(_missing(path)):
            missing.mkdir()
            made.append(missing)
        with NamedTemporaryFile(dir=path, prefix=".nextgpt-can-this-be-written-"):
            pass
    except (OSError, ValueError, RuntimeError) as error:  # the last two: NUL, and no such user
        told = getattr(error, "strerror", None) or str(error)
        raise RequestError(
            f"{option} {_short(folder)}",
            f"cannot be used: {told}",
            "choose another folder, or make room for this one",
        ) from error
    finally:
        for one in reversed(made):
            with contextlib.suppress(OSError):  # somebody else has put something there
                one.rmdir()
    return path


def check_file(file: Path, *, option: str = "--out") -> Path:
    """The absolute path of a file that can be written or replaced.

    Raises:
        RequestError: as with `check_folder`, or it is a folder.
    """
    check_folder(file.parent, option=option)
    path = file.expanduser().absolute()
    try:
        in_the_way = path.is_dir()
    except OSError as error:  # its name is too long
        raise RequestError(
            f"{option} {_short(file)}", f"cannot be used: {error.strerror}", "choose another name"
        ) from error
    if in_the_way:
        raise RequestError(f"{option} {_short(file)}", "is a folder", "give the path of a file")
    return path


def _missing(path: Path) -> list[Path]:
    """The folders that have to be made, innermost first."""
    found = []
    for one in (path, *path.parents):
        if one.exists():
            break
        found.append(one)
    return found


def _short(path: Path) -> str:
    told = str(path)
    return told if len(told) <= 200 else f"{told[:100]}…{told[-60:]}"
