"""npm, Debian and hub sources through their real clients, and archives that mean harm."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.archives import unpack
from nextgpt_registry.fetch.sources import cached, fetch, measure

COMMIT = "0123456789abcdef0123456789abcdef01234567"
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not installed")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tarball(members: dict[str, bytes | str]) -> bytes:
    """A tar.gz; a `str` value is the target of a symbolic link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def deb(members: dict[str, bytes | str]) -> bytes:
    """A Debian package: an `ar` archive of a version, the control and the data."""
    control = b"Package: tinydata\nVersion: 1:1.0-1\nArchitecture: all\nMaintainer: t <t@t>\n"
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tarball({"./control": control}),
        "data.tar.gz": tarball(members),
    }
    packed = b"!<arch>\n"
    for name, data in parts.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        packed += data + b"\n" * (len(data) % 2)
    return packed


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    for switch in ("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(switch, raising=False)
    return tmp_path / "cache"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def npm_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """A registry on this machine that knows @tiny/data 1.0.0; gives its tarball."""
    data = tarball({"package/package.json": b"{}", "package/pictures/cat.txt": b"cat"})
    root = tmp_path / "npm"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    url = f"http://127.0.0.1:{server.server_port}"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    version = {
        "name": "@tiny/data",
        "version": "1.0.0",
        "dist": {"tarball": f"{url}/data.tgz", "integrity": integrity},
    }
    (root / "data.tgz").write_bytes(data)
    (root / "@tiny").mkdir()
    (root / "@tiny" / "data").write_text(
        json.dumps(
            {"name": "@tiny/data", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        )
    )
    monkeypatch.setenv("npm_config_registry", url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield data
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def apt_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A flat repository on this machine that knows tinydata 1:1.0-1; gives its package."""
    data = deb({"./usr/share/tinydata/a.txt": b"a", "./usr/share/tinydata/log": "/var/log"})
    root = tmp_path / "apt"
    for folder in ("repo", "lists/partial", "cache/archives/partial", "parts"):
        (root / folder).mkdir(parents=True)
    (root / "repo" / "tinydata.deb").write_bytes(data)
    entry = (
        "Package: tinydata\nVersion: 1:1.0-1\nArchitecture: all\nMaintainer: t <t@t>\n"
        f"Filename: ./tinydata.deb\nSize: {len(data)}\nSHA256: {digest(data)}\nDescription: t\n\n"
    )
    (root / "repo" / "Packages.gz").write_bytes(gzip.compress(entry.encode()))
    (root / "sources.list").write_text(f"deb [trusted=yes] file:{root}/repo ./\n")
    (root / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{root}/sources.list";\nDir::Etc::sourceparts "{root}/parts";\n'
        f'Dir::State::lists "{root}/lists";\nDir::Cache "{root}/cache";\n'
        'APT::Sandbox::User "";\nAcquire::Languages "none";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(root / "apt.conf"))
    subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
    return data


@needs_npm
def test_npm_member_and_tree(npm_index: bytes) -> None:
    member = fetch("npm:@tiny/data@1.0.0/pictures/cat.txt", sha256=digest(b"cat"))
    folder = fetch("npm:@tiny/data@1.0.0/pictures/", sha256=digest(npm_index))

    assert member.read_bytes() == b"cat"
    assert (folder / "cat.txt").read_bytes() == b"cat"
    assert cached("npm:@tiny/data@1.0.0", sha256=digest(npm_index)) == folder.parent


@needs_npm
def test_npm_says_why_it_failed(npm_index: bytes) -> None:
    with pytest.raises(SourceError, match=r"npm failed: npm err(.|\n)*check the name"):
        fetch("npm:@tiny/data@2.0.0/x", sha256="0" * 64)


@needs_apt
def test_deb_member_and_tree_without_links_into_the_system(apt_index: bytes) -> None:
    folder = fetch("deb:tinydata=1:1.0-1/usr/share/tinydata/", sha256=digest(apt_index))

    assert [p.name for p in folder.iterdir()] == ["a.txt"]
    assert measure("deb:tinydata/usr/share/tinydata/a.txt") == digest(b"a")


@needs_apt
def test_deb_of_another_version_is_refused(apt_index: bytes) -> None:
    with pytest.raises(SourceError, match="apt-get failed: E: Version '2' for 'tinydata'"):
        fetch("deb:tinydata=2", sha256=digest(apt_index))


@pytest.mark.parametrize(("text", "client"), [("npm:a@1.0.0", "'npm'"), ("deb:aa", "'apt-get'")])
def test_missing_client_is_named(text: str, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(SourceError, match=f"needs the command {client}"):
        fetch(text, sha256="0" * 64)


# --- archives that mean harm


@pytest.mark.parametrize("name", ["package/../../evil", "package//etc/evil", "x/../evil"])
def test_npm_member_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tgz").write_bytes(tarball({name: b"x"}))

    with pytest.raises(SourceError, match="outside its folder"):
        unpack(tmp_path / "a.tgz", tmp_path / "into")

    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_wheel_member_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr(name, b"x")

    with pytest.raises(SourceError, match="outside its folder"):
        unpack(tmp_path / "a.whl", tmp_path / "into")

    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "name", ["C:evil", "C:/evil", "C:\\evil", "\\evil", "\\\\host\\share\\evil", "a\\..\\..\\evil"]
)
@pytest.mark.parametrize("suffix", [".whl", ".tgz"])
def test_member_cannot_leave_its_folder_on_windows(tmp_path: Path, suffix: str, name: str) -> None:
    archive = tmp_path / f"a{suffix}"
    archive.write_bytes(tarball({f"package/{name}": b"x"}))
    if suffix == ".whl":
        with zipfile.ZipFile(archive, "w") as wheel:
            wheel.writestr(name, b"x")

    with pytest.raises(SourceError, match="outside its folder"):
        unpack(archive, tmp_path / "into")

    assert not (tmp_path / "into").exists()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_deb_member_cannot_leave_its_folder_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.deb").write_bytes(deb({"./out": "..", "./out/evil": b"x"}))

    unpack(tmp_path / "a.deb", tmp_path / "into")

    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("suffix", [".whl", ".tgz"])
def test_torn_archive_is_a_clear_error(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"a{suffix}"
    archive.write_bytes(tarball({"package/a": os.urandom(50_000)})[:-20_000])

    with pytest.raises(SourceError, match="damaged or no archive"):
        unpack(archive, tmp_path / "into")


# --- the hub


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cached snapshot of org/name, one of two shards missing."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="no huggingface_hub")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "hub" / "models--org--name" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    shards = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(shards))
    (folder / "1.safetensors").write_bytes(b"1")
    return folder


def test_whole_snapshot_is_used_offline(snapshot: Path) -> None:
    (snapshot / "2.safetensors").write_bytes(b"2")

    assert fetch(f"hf:org/name@{COMMIT}", sha256=None) == snapshot
    assert cached(f"hf:org/name@{COMMIT}", sha256=None) == snapshot


def test_torn_snapshot_is_not_used(snapshot: Path) -> None:
    assert cached(f"hf:org/name@{COMMIT}", sha256=None) is None
    with pytest.raises(SourceError, match=r"2\.safetensors(.|\n)*nextgpt pull"):
        fetch(f"hf:org/name@{COMMIT}", sha256=None)


def test_hub_file_is_found_and_held_against_its_pin(snapshot: Path) -> None:
    source = f"hf:org/name@{COMMIT}/config.json"

    assert fetch(source, sha256=digest(b"{}")).read_text() == "{}"
    with pytest.raises(SourceError, match="sha256 is"):
        fetch(source, sha256="0" * 64)
    with pytest.raises(SourceError, match="nextgpt pull"):
        fetch(f"hf:org/name@{COMMIT}/other.json", sha256=None)
