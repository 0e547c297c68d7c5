"""Tags and branches of a hub are looked up once and then held; the hub is one on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from loopback import Repository, serving

from nextgpt_registry.anchors import anchored
from nextgpt_registry.config import Config
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.revisions import resolve_revision, updated
from nextgpt_registry.fetch.sources import cached, fetch

OLD, NEW = "1" * 40, "2" * 40


@dataclass
class Hub:
    """The repository org/name: commits by revision, and who asked for what."""

    revisions: dict[str, str] = field(default_factory=lambda: {"v1": OLD, "main": OLD})
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub()

    class Handler(Repository):
        missing = "RevisionNotFound"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            state.asked.append(path)
            api, file = "/api/models/org/name/revision/", "/org/name/resolve/"
            if path.startswith(api):
                named = path.removeprefix(api)
                commit = state.revisions.get(named, named if named in (OLD, NEW) else "")
                told = {"id": "org/name", "sha": commit, "siblings": [{"rfilename": "config.json"}]}
                self.answer(200 if commit else 404, json.dumps(told).encode(), commit)
            elif path.startswith("/api/models/org/name/tree/"):
                listed = [{"type": "file", "path": "config.json", "size": 1, "oid": OLD}]
                self.answer(200, json.dumps(listed).encode(), OLD)
            elif path.startswith(file):
                commit = path.removeprefix(file).partition("/")[0]
                self.answer(200, json.dumps({"commit": commit}).encode(), commit)
            else:
                self.answer(404, b"", "")

    with serving(Handler, tmp_path, monkeypatch):
        yield state


def test_a_tag_is_looked_up_once_told_and_held(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert resolve_revision("org/name", "v1") == OLD
    assert f"hf:org/name@v1 is commit {OLD}" in capsys.readouterr().err
    hub.revisions["v1"] = NEW

    assert resolve_revision("org/name", "v1") == OLD
    assert hub.asked.count("/api/models/org/name/revision/v1") == 1
    assert capsys.readouterr().err == ""


def test_it_is_looked_up_again_when_asked_to(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    resolve_revision("org/name", "main")
    hub.revisions["main"] = NEW

    assert resolve_revision("org/name", "main", update=True) == NEW
    assert f"is commit {NEW}" in capsys.readouterr().err
    assert resolve_revision("org/name", "main") == NEW
    assert updated("hf:org/name@main/config.json") == f"hf:org/name@{NEW}/config.json"
    assert updated(f"hf:org/name@{OLD}") == f"hf:org/name@{OLD}"
    assert updated("file:main") == "file:main"


def test_a_commit_is_itself_and_nobody_is_asked(hub: Hub) -> None:
    assert resolve_revision("org/name", OLD) == OLD
    assert hub.asked == []


def test_an_unknown_revision_is_a_clear_error(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"hf:org/name@v9: RevisionNotFoundError(.|\n)*revision"):
        resolve_revision("org/name", "v9")

    assert not (tmp_path / "cache" / "revisions.json").exists()


@pytest.mark.parametrize("switch", ["NEXTGPT_OFFLINE", "HF_HUB_OFFLINE"])
def test_without_a_network_only_what_is_held_is_known(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    resolve_revision("org/name", "v1")
    monkeypatch.setenv(switch, "1")

    assert resolve_revision("org/name", "v1") == OLD
    with pytest.raises(SourceError, match=f"{switch}=1 forbids the network"):
        resolve_revision("org/name", "main")


def test_a_damaged_file_of_revisions_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "revisions.json").write_text('{"org/name@v1": "main"}')

    with pytest.raises(SourceError, match=r"revisions\.json(.|\n)*remove the file"):
        resolve_revision("org/name", "v1")


def test_a_source_may_name_a_tag(hub: Hub) -> None:
    assert cached("hf:org/name@v1/config.json", sha256=None) is None
    assert hub.asked == []  # a plan asks nobody

    path = fetch("hf:org/name@v1/config.json", sha256=None)
    hub.revisions["v1"] = NEW

    assert json.loads(path.read_text()) == {"commit": OLD}
    assert fetch("hf:org/name@v1/config.json", sha256=None) == path
    assert cached("hf:org/name@v1/config.json", sha256=None) == path
    assert (fetch("hf:org/name@v1", sha256=None) / "config.json").read_text() == path.read_text()


def test_what_is_saved_names_the_commit(hub: Hub, tmp_path: Path) -> None:
    config = Config.model_validate({"llm": {"path": "hf:org/name@v1", "template": "hf:org/x@v2/t"}})
    assert anchored(config, tmp_path) == config  # nobody knows it yet
    resolve_revision("org/name", "v1")

    saved = anchored(config, tmp_path)

    assert saved.llm.path == f"hf:org/name@{OLD}"
    assert saved.llm.template == "hf:org/x@v2/t"
