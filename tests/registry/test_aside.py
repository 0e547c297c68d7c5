"""What is written aside takes its place whole, whoever is killed, and is swept by the next."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nextgpt_registry.aside import replacing, scratch
from nextgpt_registry.content import replace_file

_KILLS = """
import os, sys
from pathlib import Path
from killing import points
from nextgpt_registry.aside import remove, replacing
from nextgpt_registry.fetch.cache import store, stored
from nextgpt_registry.content import replace_file

os.environ["NEXTGPT_CACHE"] = sys.argv[1] + "/home"
home, kind = Path(sys.argv[1], "home"), sys.argv[2]
path = home / "x"

def file(content):
    with replacing(path) as aside:
        aside.write_text(content)

def folder(content):
    if path.exists():
        remove(path)
    with replacing(path) as aside:
        aside.mkdir()
        (aside / "a").write_text(content)
        (aside / "b").write_text(content)

def small(content):
    replace_file(path, content.encode())

def cached(content):
    def build(fresh):
        (fresh / "a").write_text(content)
        (fresh / "b").write_text(content)
    store("kind", content, build)

work = globals()[kind]

def now():
    if kind == "cached":
        assert stored("kind", "old")
        return "new" if stored("kind", "new") else "old"
    if kind == "folder" and not path.exists():
        return "nothing"
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    assert len(files) == (2 if kind == "folder" else 1)
    (content,) = {f.read_text() for f in files}
    return content

def prepare():
    remove(home)
    home.mkdir()
    if kind != "folder":
        work("old")

found = []
for point in points(prepare, lambda: work("new")):
    found.append(now())
    work("third" if kind == "cached" else "new")
    left = sorted(p.name for p in home.iterdir())
    if kind == "cached":
        assert list((home / "staging").iterdir()) == [], left
    elif kind == "small":
        assert len(left) <= 2, left
    else:
        assert left == ["x"], left
print(" ".join(found))
"""


@pytest.mark.parametrize("kind", ["file", "folder", "small", "cached"])
def test_killed_at_every_point_leaves_old_or_new(
    run_script: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    found = run_script(_KILLS, tmp_path, kind).split()

    assert set(found) == {"nothing" if kind == "folder" else "old", "new"}
    assert found == sorted(found, key=lambda one: one == "new")


def test_failing_block_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")

    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "x") as aside:
        aside.write_text(str(1 / 0))

    assert (tmp_path / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_another_process_writes_is_waited_for_and_not_swept(tmp_path: Path) -> None:
    holder = (
        "import sys, time\nfrom pathlib import Path\n"
        "from nextgpt_registry.aside import replacing\n"
        "with replacing(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('first')\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", holder, str(tmp_path / "x")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        first.stdout.readline()
        second = threading.Thread(target=_write, args=(tmp_path / "x", "second"))
        second.start()
        second.join(0.3)
        waited = second.is_alive()
        first.stdin.close()
        first.wait()
        second.join()

    assert waited
    assert first.returncode == 0
    assert (tmp_path / "x").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_many_threads_hold_one_folder_in_turn(tmp_path: Path) -> None:
    inside: list[int] = []

    def work() -> None:
        for _ in range(20):
            with scratch(tmp_path / "room") as room:
                assert list(room.glob("mine")) == []
                (room / "mine").touch()
                inside.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(inside) == 80
    assert not (tmp_path / "room").exists()


def test_small_file_forgotten_by_a_killed_writer_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".x.new").write_bytes(b"half")

    replace_file(tmp_path / "x", b"whole")

    assert (tmp_path / "x").read_bytes() == b"whole"


def _write(path: Path, content: str) -> None:
    with replacing(path) as aside:
        aside.write_text(content)
