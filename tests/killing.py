"""Work killed at every point between two calls that change the disk. A module for scripts.

It forks, so the process that does it must have no threads: tests have a script run (`run_script`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator

_CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link"}


def points(prepare: Callable[[], object], work: Callable[[], object]) -> Iterator[int]:
    """After each kill, and last when the work has ended: how many changes it had made."""
    point = 0
    while True:
        prepare()
        killed = killed_at(point, work)
        yield point
        if not killed:
            return
        point += 1


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Do the work in a child that is killed before its change number `point`; was it?"""
    child = os.fork()
    if not child:
        left = [point]

        def before(event: str, arguments: tuple[object, ...]) -> None:
            writes = event == "open" and _writes(arguments)
            if writes or event in _CHANGES:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(before)
        try:
            work()
        finally:
            sys.stderr.flush()
            os._exit(0 if sys.exception() is None else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"the work failed by itself at {point}"
    return False


def _writes(arguments: tuple[object, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wxa+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
