"""Mistakes that plugins make, each caught by the test of the kit that is named for it.

Each of `mistakes.yaml` is the scaffold's plugin, which passes the whole kit, with one thing wrong;
those that are `trainable` are in the one that `plugins new --trainable` writes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from nextgpt_registry.cli.new import KINDS, scaffold
from nextgpt_registry.entrypoints import installed
from nextgpt_registry.testing.running import KITS, run_kit

PACKAGE = "nextgpt_heartbeat"
RIGHT = {
    trainable: scaffold("heartbeat", kinds=KINDS, licence="MIT", trainable=trainable)
    for trainable in (False, True)
}
MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text("utf-8"))


class Install(Protocol):
    def __call__(self, files: Mapping[str, str]) -> None: ...


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a plugin's files on the path as pip would; its modules are forgotten afterwards."""

    def write(files: Mapping[str, str]) -> None:
        for path, text in files.items():
            if path.startswith(PACKAGE):
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text)
        project = tomllib.loads(files["pyproject.toml"])["project"]
        info = tmp_path / f"{PACKAGE}-{project['version']}.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {one}\n" for one in project["dependencies"])
        named = f"Name: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{named}{needs}")
        groups = dict(project["entry-points"])
        if not installed(KITS):
            kits = ("SystemTests", "AdditionTests")
            groups[KITS] = {kit.lower(): f"nextgpt_core.testing:{kit}" for kit in kits}
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
            for group, points in groups.items()
        ]
        (info / "entry_points.txt").write_text("".join(lines))
        if f"{PACKAGE}/train.py" in files:
            import_module(f"{PACKAGE}.train").main(runs=tmp_path / "runs", steps=1)

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def wrong(mistake: Mapping[str, Any]) -> Mapping[str, str]:
    """The plugin's files with the mistake in them."""
    files = dict(RIGHT[mistake.get("trainable", False)])
    for file, change in {mistake["file"]: mistake["change"], **mistake.get("also", {})}.items():
        path = f"{PACKAGE}/{file}" if "." in file else f"{PACKAGE}/{file}.py"
        path = file if file.endswith(".toml") else path
        for old, new in change.items():
            assert old in files[path], f"the scaffold's {path} no longer has {old!r}"
            files[path] = files[path].replace(old, new)
    return {**files, **mistake.get("files", {})}


@pytest.mark.parametrize("trainable", [False, True])
def test_the_scaffold_passes(install: Install, trainable: bool) -> None:
    install(RIGHT[trainable])

    report = run_kit("heartbeat")

    assert [test for test in report.tests if test.outcome == "failed"] == []
    assert report.count("passed") > 40


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["name"])
def test_a_mistake_is_caught_and_named(mistake: Mapping[str, Any], install: Install) -> None:
    install(wrong(mistake))

    report = run_kit("heartbeat", only=mistake["test"])

    told = [test.message for test in report.tests if test.outcome == "failed"]
    assert any(re.search(mistake["says"], message) for message in told), "\n".join(told)
    assert all("found" in m and "wanted:" in m and "usual cause:" in m for m in told)


def test_there_are_as_many_as_promised() -> None:
    assert len(MISTAKES) >= 30
    assert len({mistake["name"] for mistake in MISTAKES}) == len(MISTAKES)
