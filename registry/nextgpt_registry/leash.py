"""Run a program that ends when whoever started it does, however that dies. Imports nothing of ours.

A process of its own runs this file and stands between the two. It reads its standard input, the
other end of which only the starter has: when that is closed, by the system if need be, it kills its
process group, which is the program and whatever that has started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_GROUPS = hasattr(os, "killpg")


class Leashed(subprocess.Popen[bytes]):
    """The program under way, all its output going to a file; a failing `with` block kills it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        output: IO[bytes],
        cwd: Path | None = None,
    ) -> None:
        super().__init__(
            [sys.executable, "-I", __file__, *command],
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=_GROUPS,
        )

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        self._signal(signal.SIGKILL if _GROUPS else signal.SIGTERM)

    def terminate(self) -> None:
        """Ask it, and what it has started, to end."""
        self._signal(signal.SIGTERM)

    def poll(self) -> int | None:
        """Its exit code, None until it has one."""
        return self._ended(super().poll())

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has one."""
        code = super().wait(timeout)
        self._ended(code)
        return code

    def __exit__(self, *error: Any) -> None:
        if error[0] is not None:
            self.kill()
        super().__exit__(*error)

    def _ended(self, code: int | None) -> int | None:
        if code is not None and self.stdin is not None:
            self.stdin.close()
        return code

    def _signal(self, number: signal.Signals) -> None:
        if not _GROUPS:
            assert self.stdin is not None
            self.stdin.close()
        elif self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def _main(command: Sequence[str]) -> int:
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def watch() -> None:
        sys.stdin.buffer.read()
        if _GROUPS:
            os.killpg(0, signal.SIGKILL)
        program.kill()

    threading.Thread(target=watch, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    # Not `sys.exit`: that would wait for the thread, which reads.
    os._exit(_main(sys.argv[1:]) & 0xFF)
