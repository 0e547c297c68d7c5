"""The plugin that the how-to writes by hand: sixty lines with its tests, and it passes the kit."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextgpt_registry.testing.running import run_kit

DOCS = Path(__file__).parents[2] / "docs"
PAGE, TUTORIAL = DOCS / "how-to" / "add-a-modality.md", DOCS / "tutorials" / "first-plugin.md"
SAVED = re.compile(r"^<!-- save: (\S+) -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(
    r"^[^\n`]*`(?P<path>[\w./]+\.(?:py|toml))`.*?^```\w+\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture
def files() -> dict[str, str]:
    """path -> text, of the section written by hand."""
    section = PAGE.read_text("utf-8").partition("## The whole of it by hand")[2]
    return {found["path"]: found["text"] for found in FILE.finditer(section.partition("\n## ")[0])}


@pytest.fixture
def site(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plugin as pip would have installed it."""
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    info = tmp_path / "nextgpt_pulse-0.1.0.dist-info"
    info.mkdir()
    named = "Metadata-Version: 2.1\nName: nextgpt-pulse\nVersion: 0.1.0\n"
    (info / "METADATA").write_text(f"{named}Requires-Dist: nextgpt-registry>=0.1,<0.2\n")
    (info / "entry_points.txt").write_text("[nextgpt.plugins]\npulse = nextgpt_pulse.plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "nextgpt_pulse"]:
        del sys.modules[name]


def lines(text: str) -> int:
    """All but the blank ones: comments and docstrings count."""
    return sum(bool(line.strip()) for line in text.splitlines())


def test_an_encoder_modality_is_sixty_lines_with_its_tests(files: dict[str, str]) -> None:
    counted = {path: lines(text) for path, text in files.items() if path.endswith(".py")}

    assert set(counted) == {
        "nextgpt_pulse/plugin.py",
        "nextgpt_pulse/encoder.py",
        "tests/test_kit.py",
    }
    assert sum(counted.values()) <= 60, counted


def test_the_tutorial_s_is_as_short() -> None:
    counted = {path: lines(text) for path, text in SAVED.findall(TUTORIAL.read_text("utf-8"))}

    assert set(counted) == {
        "nextgpt_board/plugin.py",
        "nextgpt_board/encoder.py",
        "tests/test_kit.py",
    }
    assert sum(counted.values()) <= 60, counted


def test_it_passes_the_kit(site: Path) -> None:
    report = run_kit("pulse")

    assert [test for test in report.tests if test.outcome == "failed"] == []
    assert report.count("passed") > 25
