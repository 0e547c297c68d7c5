"""Paths as people and programs give them, made fit for the file system. Opens nothing."""

from __future__ import annotations

import errno
import os
import reprlib
from pathlib import Path

from nextgpt_registry.errors import ConfigError, NextGPTError

_ABSENT = {errno.ENOENT, errno.ENOTDIR}


def local_path(
    given: object, *, who: str = "path", error: type[NextGPTError] = ConfigError
) -> Path:
    """The path that was given, its `~` a folder; asking whether it is there will not fail.

    Raises:
        NextGPTError: (of the class `error`) it is no path, or one that the system refuses to look
            at: too long, with a NUL in it, the home of an unknown user, in a closed folder.
    """
    if not isinstance(given, str | os.PathLike):
        raise error(who, f"a path is a {type(given).__name__}", "give a str or a pathlib.Path")
    try:
        # A path of bytes has no parts in common with ours; os.fsdecode makes it one of text.
        path = Path(os.fsdecode(given)).expanduser()
        path.stat()
    except OSError as found:
        if found.errno in _ABSENT:
            return path
        shown = shortened(given)
        raise error(who, f"{shown}: {found.strerror or found}", "give another path") from found
    except (ValueError, RuntimeError, TypeError) as found:
        # a NUL; a lone surrogate; `~nobody`; a PathLike that is none
        raise error(who, f"{shortened(given)} is no path: {found}", "give another path") from found
    return path


def shortened(given: object) -> str:
    """What was given as a message shows it: printable, its middle left out where it is long."""
    if isinstance(given, int) and given.bit_length() > 256:  # Python refuses to print the longest
        return f"a number of {given.bit_length():,} bits"
    given = str(given) if isinstance(given, Path) else given
    return _REPR.repr(ascii(given)[1:-1] if isinstance(given, str) and _odd(given) else given)


def _odd(text: str) -> bool:
    """Whether text holds halves of characters, which cannot be printed."""
    return any("\ud800" <= character <= "\udfff" for character in text[:200] + text[-200:])


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 100
_REPR.maxlevel = 2
