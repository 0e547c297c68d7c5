"""Archives that mean harm, and what the hub's own cache holds."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.archives import unpack
from nextgpt_registry.fetch.schemes import PYPI
from nextgpt_registry.fetch.sources import cached, fetch

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    for switch in ("NEXTGPT_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(switch, raising=False)
    return tmp_path / "cache"


def wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_member_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    archive = wheel(tmp_path / "a.whl", {name: b"x"})

    with pytest.raises(SourceError, match="outside its folder"):
        unpack(archive, PYPI, tmp_path / "into")

    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "name", ["C:evil", "C:/evil", "C:\\evil", "\\evil", "\\\\host\\share\\evil", "a\\..\\..\\evil"]
)
def test_member_cannot_leave_its_folder_on_windows(tmp_path: Path, name: str) -> None:
    archive = wheel(tmp_path / "a.whl", {name: b"x"})

    with pytest.raises(SourceError, match="outside its folder"):
        unpack(archive, PYPI, tmp_path / "into")

    assert not (tmp_path / "into").exists()


def test_torn_archive_is_a_clear_error(tmp_path: Path) -> None:
    archive = wheel(tmp_path / "a.whl", {"a": os.urandom(50_000)})
    archive.write_bytes(archive.read_bytes()[:-20_000])

    with pytest.raises(SourceError, match="damaged or no archive"):
        unpack(archive, PYPI, tmp_path / "into")


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
