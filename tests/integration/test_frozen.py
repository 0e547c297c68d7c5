"""Plugins written for an earlier API work as they are: nobody has touched them since."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextgpt_core.testing import SystemKit
from nextgpt_registry import Catalog, PluginError, loading
from nextgpt_registry.testing.running import run_kit

FROZEN = Path(__file__).parents[1] / "frozen"
PINNED = {"api_1_0": "325d15fac717d73c1636c6c0fe8b7bf3012409d9a9022975cfb434341f6d0a22"}


def files(folder: Path) -> dict[str, bytes]:
    """Path -> content of all that was written once."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(params=PINNED)
def name(request: pytest.FixtureRequest, site: Path) -> str:
    """The name of a frozen plugin that is installed."""
    home = FROZEN / request.param
    project = tomllib.loads((home / "pyproject.toml").read_text("utf-8"))["project"]
    [package] = home.glob("nextgpt_*")
    shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"{package.name}-{project['version']}.dist-info"
    info.mkdir()
    told = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    told += [f"Requires-Dist: {needed}" for needed in project["dependencies"]]
    (info / "METADATA").write_text("\n".join(told) + "\n")
    [(name, target)] = project["entry-points"]["nextgpt.plugins"].items()
    (info / "entry_points.txt").write_text(f"[nextgpt.plugins]\n{name} = {target}\n")
    return str(name)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, which leaves no module behind."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for module in [m for m in sys.modules if m.startswith("nextgpt_frozen_")]:
        del sys.modules[module]


@pytest.mark.parametrize("frozen", [path.name for path in FROZEN.iterdir()])
def test_it_is_as_it_was_written(frozen: str) -> None:
    whole = hashlib.sha256()
    for path, content in files(FROZEN / frozen).items():
        whole.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())

    assert whole.hexdigest() == PINNED[frozen], "a frozen plugin is never edited: restore it"


def test_it_says_its_api_and_uses_nothing_deprecated(name: str) -> None:
    [plugin] = Catalog.discover([name]).plugins

    assert plugin.manifest.api == name.removeprefix("frozen-").replace("-", ".")
    assert plugin.deprecated == ()


def test_later_minor_hosts_load_it_and_the_next_major_one_says_what_to_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "API", "1.9")
    assert Catalog.discover([name]).plugins[0].name == name

    monkeypatch.setattr(loading, "API", "2.0")
    with pytest.raises(PluginError, match=r"speaks API 1\.0, this host speaks 2\.0") as refused:
        Catalog.discover([name])
    assert refused.value.fix == "upgrade the plugin"


@pytest.mark.slow
def test_it_passes_the_kit(name: str) -> None:
    report = run_kit(name)

    assert [test for test in report.tests if test.outcome == "failed"] == []
    assert report.count("passed") > 40


def test_it_answers_in_a_conversation(name: str, tmp_path: Path) -> None:
    channel = {"encoder": f"{name}-windows", "decoder": f"{name}-waves"}
    catalog = Catalog.discover([name])
    medium = sys.modules[catalog.plugins[0].target].sample(0)
    suffix = catalog.modality(medium.modality).written[0]
    path = catalog.hook.nextgpt_write_media(media=medium, stem=tmp_path / "a", suffix=suffix)
    kit = SystemKit(tmp_path, plugins={name: None}, channels={name: channel})

    with kit.pipeline() as pipeline:
        talk = pipeline.conversation()
        first = talk.say(["What is this?", (name, path)], require={name: 1})
        second = talk.say("Once more", require={name: 1})
        written = pipeline.write(second.media[0].media, tmp_path / "made")

    assert [made.channel for made in (*first.media, *second.media)] == [name, name]
    assert not (*first.failures, *second.failures)
    assert written.read_bytes().startswith(f"{name}\n".encode())
