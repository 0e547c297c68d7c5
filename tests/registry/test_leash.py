"""A program that was started for somebody ends when they do, however they do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nextgpt_registry.leash import Leashed

_CHILD = (
    "import os, subprocess, sys, time\n"
    "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "open(sys.argv[1] + '.new', 'w').write(f'{os.getpid()} {grandchild.pid}')\n"
    "os.replace(sys.argv[1] + '.new', sys.argv[1])\n"
    "time.sleep(60)\n"
)
_STARTER = (
    "import os, sys\nfrom pathlib import Path\nfrom nextgpt_registry.leash import Leashed\n"
    "with open(os.devnull, 'wb') as out:\n"
    "    with Leashed(sys.argv[1:], env=dict(os.environ), output=out) as child:\n"
    "        child.wait()\n"
)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_program_and_what_it_started_end_with_the_starter(tmp_path: Path, ending: int) -> None:
    pids = tmp_path / "pids"
    program = [sys.executable, "-c", _CHILD, str(pids)]
    with subprocess.Popen(
        [sys.executable, "-c", _STARTER, *program], stderr=subprocess.DEVNULL
    ) as starter:
        _wait_until(pids.exists)
        starter.send_signal(ending)

    _wait_until(lambda: not any(_lives(int(pid)) for pid in pids.read_text().split()))


def test_client_of_a_killed_fetch_hangs_up(tmp_path: Path) -> None:
    source = "pypi:nextgpt-nowhere==1.0/a"
    fetch = f"from nextgpt_registry.fetch.sources import fetch; fetch({source!r}, sha256='0' * 64)"
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(60)
        address = f"http://127.0.0.1:{index.getsockname()[1]}"
        env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        env |= {"PIP_INDEX_URL": address, "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}
        env |= {"NEXTGPT_CACHE": str(tmp_path), "NEXTGPT_OFFLINE": ""}
        with subprocess.Popen([sys.executable, "-c", fetch], env=env) as run:
            asking, _ = index.accept()
            with asking:
                asking.settimeout(30)
                asked = asking.recv(1 << 16)
                run.kill()
                rest = asking.recv(1 << 16)  # pip would wait for an answer, and never hang up

    assert b"nextgpt-nowhere" in asked
    assert rest == b""


def test_exit_code_and_output_are_the_programs(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        command = [sys.executable, "-c", "import sys; print('said'); sys.exit(7)"]
        with Leashed(command, env=dict(os.environ), output=out, cwd=tmp_path) as program:
            code = program.wait()

    assert code == 7
    assert program.stdin is not None
    assert program.stdin.closed  # nothing of it is left
    assert (tmp_path / "out").read_text() == "said\n"


def _wait_until(done: object) -> None:
    deadline = time.monotonic() + 30
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # one that nobody has waited for is dead all the same
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
