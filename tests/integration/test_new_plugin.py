"""What `nextgpt plugins new` writes installs as a wheel, passes the kit and chats with mini."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

NEXTGPT = "from nextgpt_registry.cli import main; main()"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment that has what this one has, and the new plugin as a wheel."""
    home = tmp_path_factory.mktemp("author")
    venv.create(home / "env", with_pip=False)
    packages = home / "env" / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    here = sysconfig.get_path("purelib")
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    nextgpt(home, "plugins", "new", "heartbeat")
    pip = [sys.executable, "-m", "pip"]
    offline = ["--disable-pip-version-check", "--no-deps", "--no-index"]
    build = ["wheel", *offline, "--no-build-isolation", "-w", str(home)]
    there = ["--python", str(home / "env" / "bin" / "python"), "install", *offline]
    done(*pip, *build, "./nextgpt-heartbeat", cwd=home)
    (wheel,) = home.glob("*.whl")
    done(*pip, *there, str(wheel), cwd=home)
    return home


def done(*command: str, cwd: Path) -> str:
    """Standard output of a command that ends well."""
    ended = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=800, check=False
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def nextgpt(home: Path, *arguments: str) -> str:
    return done(str(home / "env" / "bin" / "python"), "-c", NEXTGPT, *arguments, cwd=home)


@pytest.mark.slow
def test_it_is_installed_and_passes_the_kit(home: Path) -> None:
    listed = json.loads(nextgpt(home, "plugins", "show", "heartbeat", "--json"))

    report = json.loads(nextgpt(home, "plugins", "check", "heartbeat", "--json"))

    assert listed["dist"] == "nextgpt-heartbeat"
    assert report["failed"] == 0
    assert report["passed"] == sum(test["outcome"] == "passed" for test in report["tests"]) > 40


@pytest.mark.slow
def test_its_own_tests_pass(home: Path) -> None:
    python = str(home / "env" / "bin" / "python")

    told = done(python, "-m", "pytest", "-q", cwd=home / "nextgpt-heartbeat")

    assert "passed" in told


@pytest.mark.slow
@pytest.mark.network
def test_it_chats_with_mini_unchanged(home: Path) -> None:
    sample = "from nextgpt_heartbeat.plugin import *; nextgpt_write_media(sample(0), Path('a'))"
    done(str(home / "env" / "bin" / "python"), "-c", sample, cwd=home)
    channel = [
        "plugins=[image,audio,video,mini,heartbeat]",
        "modalities.heartbeat.encoder=heartbeat-windows",
        "modalities.heartbeat.decoder=heartbeat-waves",
    ]

    told = nextgpt(
        home, "run", "mini", *channel, "--untrained", "--media", "a.heartbeat",
        "--text", "What is this?", "--require", "heartbeat=1", "--out", "out", "--json",
    )  # fmt: skip

    made = [part for part in json.loads(told)["parts"] if part["type"] == "heartbeat"]
    assert len(made) == 1
    assert Path(made[0]["path"]).read_bytes().startswith(b"heartbeat\n")
