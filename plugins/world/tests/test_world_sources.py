"""npm and Debian packages through their real clients, and archives of theirs that mean harm."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.archives import unpack
from nextgpt_registry.fetch.sources import Source, cached, fetch, measure
from nextgpt_world.sources import DEB, NPM

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


@pytest.mark.parametrize(
    "name",
    [
        *("package/../../evil", "package//etc/evil", "x/../evil", "package/C:evil"),
        *("package/C:/evil", "package/C:\\evil", "package/\\evil", "package/a\\..\\..\\evil"),
    ],
)
def test_npm_member_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tgz").write_bytes(tarball({name: b"x"}))

    with pytest.raises(SourceError, match="outside its folder"):
        unpack(tmp_path / "a.tgz", NPM, tmp_path / "into")

    assert not list(tmp_path.rglob("evil"))
    assert not (tmp_path / "into").exists()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_deb_member_cannot_leave_its_folder_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.deb").write_bytes(deb({"./out": "..", "./out/evil": b"x"}))

    unpack(tmp_path / "a.deb", DEB, tmp_path / "into")

    assert not (tmp_path / "evil").exists()


def test_torn_npm_package_is_a_clear_error(tmp_path: Path) -> None:
    archive = tmp_path / "a.tgz"
    archive.write_bytes(tarball({"package/a": os.urandom(50_000)})[:-20_000])

    with pytest.raises(SourceError, match="damaged or no archive"):
        unpack(archive, NPM, tmp_path / "into")


# --- spelling


_debian = st.from_regex(r"[a-z][a-z0-9+.-]{1,8}", fullmatch=True)
_names = st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,8}[A-Za-z0-9]", fullmatch=True)
_part = st.text(
    st.characters(exclude_characters="/\\", exclude_categories=["Cs", "Cc"]), min_size=1
)
_paths = st.lists(_part.filter(lambda p: p not in (".", "..")), max_size=4).map("/".join)
_spelled = st.one_of(
    st.builds("npm:@{}/{}@1.2.3-rc.1/{}".format, _names, _names, _paths),
    st.builds("npm:{}@10.0.1/{}".format, _names, _paths),
    st.builds("deb:{}=1:2.0~dfsg-3+b1/{}".format, _debian, _paths),
    st.builds("deb:{}/{}".format, _debian, _paths),
)


@given(_spelled)
def test_valid_source_survives_parse_and_print(text: str) -> None:
    source = Source.parse(text)

    assert Source.parse(str(source)) == source
    assert str(source) == (text.removesuffix("/") if not source.path else text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("npm:name@latest/x", "the version being exact"),
        ("npm:name@^1.0.0/x", "the version being exact"),
        ("deb:Name/x", "deb:NAME[=VERSION]/member"),
        ("npm:name@1.0.0//etc/passwd", "joined by single '/'"),
        ("deb:name/a\\b", "joined by single '/'"),
    ],
)
def test_wrong_spelling_names_the_right_one(text: str, wanted: str) -> None:
    with pytest.raises(SourceError, match=re.escape(wanted)):
        Source.parse(text)
