"""One broken plugin, installed as pip would have, leaves everything else working."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "nextgpt_torn.py").write_text("raise RuntimeError('torn to pieces')")
    info = tmp_path / "nextgpt_torn-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nextgpt-torn\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(
        "[nextgpt.plugins]\ntorn = nextgpt_torn\n[nextgpt.commands]\ntorn = nextgpt_torn:run\n"
    )
    return tmp_path


def nextgpt(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from nextgpt_registry.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_plugins_list_works_and_names_it(site: Path) -> None:
    done = nextgpt(site, "plugins", "list")

    assert done.returncode == 0, done.stderr
    assert "broken: torn: RuntimeError: torn to pieces" in done.stdout


def test_help_works(site: Path) -> None:
    done = nextgpt(site, "--help")

    assert done.returncode == 0, done.stderr
    assert "plugins" in done.stdout


def test_asking_for_it_by_name_is_an_error_without_a_traceback(site: Path) -> None:
    for arguments in (("plugins", "show", "torn"), ("torn",)):
        done = nextgpt(site, *arguments)

        assert done.returncode == 2
        assert "torn to pieces" in done.stderr
        assert "Traceback" not in done.stderr
