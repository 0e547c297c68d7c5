"""Folders of the cache are whole or absent, whoever is killed and whoever comes second."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nextgpt_registry.fetch import cache as cache_module
from nextgpt_registry.fetch.cache import cache_dir, sha256_of, store, stored

_BUILDER = """
import sys, time
from pathlib import Path
from nextgpt_registry.fetch.cache import store

def build(fresh):
    with open(sys.argv[1], "a") as log:
        log.write("built\\n")
    (fresh / "half").write_text("half")
    time.sleep(float(sys.argv[2]))
    (fresh / "rest").write_text("rest")

print(store("things", "one", build))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def start_builder(log: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _BUILDER, str(log), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def build_small(fresh: Path) -> None:
    (fresh / "inner").mkdir()
    (fresh / "inner" / "a").write_bytes(b"abc")


def build_nothing(fresh: Path) -> None:
    raise AssertionError("the cache was not trusted")


def test_environment_names_the_cache_folder(cache: Path) -> None:
    assert cache_dir() == cache


def test_sha256_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_second_store_builds_nothing() -> None:
    first = store("things", "one", build_small)

    assert store("things", "one", build_nothing) == first
    assert (first / "inner" / "a").read_bytes() == b"abc"


def test_failed_build_leaves_nothing(cache: Path) -> None:
    def fail(fresh: Path) -> None:
        (fresh / "half").write_text("half")
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError):
        store("things", "one", fail)

    assert stored("things", "one") is None
    assert [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


@pytest.mark.parametrize("damage", [b"ab", b"abd", b"abcd", None], ids=str)
def test_damaged_folder_is_not_trusted(damage: bytes | None) -> None:
    file = store("things", "one", build_small) / "inner" / "a"
    file.unlink() if damage is None else file.write_bytes(damage)

    assert stored("things", "one") is None
    assert (store("things", "one", build_small) / "inner" / "a").read_bytes() == b"abc"


def test_torn_manifest_is_not_trusted() -> None:
    folder = store("things", "one", build_small)
    (folder / ".nextgpt.json").write_text('{"inner/a": [3')

    assert stored("things", "one") is None


def test_copied_cache_is_trusted_after_hashing(cache: Path) -> None:
    folder = store("things", "one", build_small)
    shutil.copytree(cache, cache.with_name("copy"), copy_function=shutil.copyfile)
    shutil.rmtree(cache)
    cache.with_name("copy").rename(cache)

    assert store("things", "one", build_nothing) == folder


def test_a_copied_cache_is_hashed_once_and_one_that_was_not_touched_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[Path] = []
    monkeypatch.setattr(cache_module, "sha256_of", lambda p: hashed.append(p) or sha256_of(p))
    file = store("things", "one", build_small) / "inner" / "a"

    stored("things", "one")
    assert hashed == []
    os.utime(file, (1, 1))  # as a copy's
    for _ in range(3):
        assert stored("things", "one") == file.parents[1]

    assert hashed == [file]


def test_what_another_killed_run_left_is_removed(cache: Path) -> None:
    left = cache / "staging" / "things-two" / "fresh"
    left.mkdir(parents=True)
    (left / "half").write_text("half")

    store("things", "one", build_small)

    assert not left.parent.exists()


def test_two_processes_build_once(tmp_path: Path) -> None:
    runs = [start_builder(tmp_path / "log", 0.3) for _ in range(2)]
    answers = [run.communicate(timeout=60)[0].strip() for run in runs]

    assert (tmp_path / "log").read_text() == "built\n"
    assert answers == [str(cache_dir() / "things" / "one")] * 2


def test_killed_build_is_never_trusted(tmp_path: Path, cache: Path) -> None:
    run = start_builder(tmp_path / "log", 600)
    half = cache / "staging" / "things-one" / "fresh" / "half"
    while not half.exists():
        time.sleep(0.01)
        assert run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.communicate()

    assert stored("things", "one") is None
    folder = store("things", "one", build_small)
    assert sorted(p.name for p in folder.iterdir()) == [".nextgpt.json", "inner"]
    assert not (cache / "staging" / "things-one").exists()
