"""A process that has imported what takes seconds, and forks for each command. Knows no test.

`python warm.py DOOR` says "ready" and waits there until its input ends. `python warm.py DOOR -c
CODE ARGUMENT…` is `python -c CODE ARGUMENT…` done by it: in the caller's folder and environment,
with the caller's streams, and it ends as that ended.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import socket
import sys

_IMPORTED = (
    "diffusers.pipelines.stable_diffusion",
    "nextgpt_core.pipeline",
    "nextgpt_core.training.start",
)


def ask(door: str, code: str, arguments: list[str]) -> int:
    """The exit code of what the process at `door` does."""
    told = {"code": code, "argv": arguments, "folder": os.getcwd(), "environment": {**os.environ}}
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(door)
        socket.send_fds(caller, [json.dumps(told).encode() + b"\n"], [0, 1, 2])
        return int(caller.recv(16) or b"1")


def asked(door: str) -> dict:
    """What is to be done; returns in a process for each call, and never in the one that waits."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(door)
        server.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([sys.stdin, server], [], [])[0]:
            caller, _ = server.accept()
            if not os.fork():
                return _taken(caller)
            caller.close()
    sys.exit()


def _taken(caller: socket.socket) -> dict:
    """The call, with its streams. A parent stays behind, and tells the caller how it ended."""
    told, streams, _, _ = socket.recv_fds(caller, 1 << 16, 3)
    while not told.endswith(b"\n"):
        told += caller.recv(1 << 16)
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        caller.sendall(str(code % 256).encode())
        os._exit(0)
    for own, (given, name) in enumerate(zip(streams, ("stdin", "stdout", "stderr"), strict=True)):
        os.dup2(given, own)
        setattr(sys, name, os.fdopen(own, "w" if own else "r", buffering=1, closefd=False))
    return json.loads(told)


if __name__ == "__main__":
    if sys.argv[2:]:
        sys.exit(ask(sys.argv[1], sys.argv[3], sys.argv[4:]))
    for module in _IMPORTED:
        importlib.import_module(module)
    call = asked(sys.argv[1])
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["-c", *call["argv"]]
    sys.path[:1] = ["", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    exec(compile(call["code"], "<string>", "exec"), {"__name__": "__main__"})
