"""A process that has imported what takes seconds, and forks for each command. Knows no test.

`python warm.py SOCKET` waits there for commands until its own input ends. `python warm.py SOCKET
-c CODE ARGUMENT…` has one run, in the caller's folder and environment and with its streams, and
ends as it ended.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys

_IMPORTED = (
    "diffusers.pipelines.stable_diffusion",
    "nextgpt_core.evaluation.run",
    "nextgpt_core.pipeline",
    "nextgpt_core.training.start",
    "transformers.models.auto",
)


def ask(door: str, code: str, arguments: list[str]) -> int:
    """The exit code of a command that the process at `door` runs."""
    told = {"code": code, "argv": arguments, "folder": os.getcwd(), "environment": {**os.environ}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(door)
        socket.send_fds(caller, [json.dumps(told).encode()], [0, 1, 2])
        return int(caller.recv(16) or b"1")


def asked(door: str) -> dict[str, object]:
    """What a command is to do: returns in a process for each, and never in the one that waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(door)
        server.listen(8)
        while 0 not in select.select([0, server], [], [])[0]:
            caller, _ = server.accept()
            if os.fork() == 0:
                return _answered(caller)
            caller.close()
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    sys.exit()


def _answered(caller: socket.socket) -> dict[str, object]:
    """Take the caller's streams; tell it the exit code when the command's own process ends."""
    message, streams, _, _ = socket.recv_fds(caller, 1 << 20, 3)
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        caller.send(str(code % 256).encode())
        os._exit(0)
    for own, given in enumerate(streams):
        os.dup2(given, own)
    return json.loads(message)


if __name__ == "__main__" and sys.argv[2:]:
    sys.exit(ask(sys.argv[1], sys.argv[3], sys.argv[4:]))
if __name__ == "__main__":
    for name in _IMPORTED:
        __import__(name)
    command = asked(sys.argv[1])
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = ["-c", *command["argv"]]
    sys.path[0] = ""
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    exec(compile(command["code"], "<string>", "exec"), {"__name__": "__main__"})
