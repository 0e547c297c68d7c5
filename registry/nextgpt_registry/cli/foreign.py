"""Standard output kept for a command's own words. Knows no command.

What plugins, their libraries and the processes that they start print goes to standard error: from
Python, and, by the descriptor itself, from C and from children.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_OUT, _ERR = 1, 2


@contextmanager
def foreign_to_stderr(wanted: bool = True) -> Iterator[None]:
    """While the block runs, nothing reaches standard output, if that is `wanted`."""
    if not wanted:
        yield
        return
    with contextlib.redirect_stdout(sys.stderr), _descriptor_to_stderr():
        yield


@contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    try:
        real = sys.__stdout__ is not None and sys.__stdout__.fileno() == _OUT
        kept = os.dup(_OUT) if real else None
    except (OSError, ValueError, io.UnsupportedOperation):  # closed, or no file of the system's
        kept = None
    if kept is None:
        yield
        return
    try:
        assert sys.__stdout__ is not None
        sys.__stdout__.flush()
        with contextlib.suppress(OSError):  # nobody listens on standard error
            os.dup2(_ERR, _OUT)
        yield
    finally:
        os.dup2(kept, _OUT)
        os.close(kept)
