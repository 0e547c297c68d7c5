"""One broken plugin, installed as pip would have, leaves everything else working."""

from __future__ import annotations

import json
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


def test_it_says_in_which_line_of_its_files(site: Path) -> None:
    (site / "nextgpt_torn.py").unlink()
    inside = site / "nextgpt_torn"
    inside.mkdir()
    (inside / "__init__.py").write_text("import json\nfrom nextgpt_torn import deep\n")
    for torn, line in (("x = 1\nraise ValueError", 2), ("x = (\n", 1), ("import nowhere", 1)):
        (inside / "deep.py").write_text(torn)

        done = nextgpt(site, "plugins", "list")

        assert f"at {inside / 'deep.py'}:{line}\n" in done.stdout


def test_it_says_in_which_line_of_its_hooks(site: Path) -> None:
    file = site / "nextgpt_torn.py"
    file.write_text(
        "from nextgpt_registry import Manifest, hookimpl\n\n\n"
        "@hookimpl\ndef nextgpt_manifest():\n    return Manifest(summary='', licence='MIT')\n"
    )

    done = nextgpt(site, "plugins", "list")

    assert f"at {file}:6:" in done.stdout
    assert "licence" in done.stdout


def test_a_plugin_that_prints_leaves_json_as_it_is(site: Path) -> None:
    (site / "nextgpt_torn.py").write_text(
        "import os, subprocess, sys\n"
        "from nextgpt_registry import Manifest, hookimpl\n"
        "print('printed at import')\n"
        "os.write(1, b'written at import')\n"
        "subprocess.run([sys.executable, '-c', 'print(\"a process at import\")'])\n"
        "@hookimpl\ndef nextgpt_manifest():\n"
        "    print('printed by a hook')\n"
        "    return Manifest(api='1.0', summary='', license='MIT')\n"
    )

    done = nextgpt(site, "plugins", "list", "--json")

    assert "torn" in [plugin["name"] for plugin in json.loads(done.stdout)["plugins"]]
    for told in ("printed at import", "written at import", "a process at import", "by a hook"):
        assert told in done.stderr
