"""What is said of an interrupted command that goes on with the same line. Knows no command."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def said_how_to_go_on() -> Iterator[None]:
    """What the block does goes on where it is broken off: says how, where it is."""
    try:
        yield
    except KeyboardInterrupt:
        line = shlex.join(["nextgpt", *sys.argv[1:]])
        sys.stderr.write(f"to go on from what is saved: {line}\n")
        raise
