"""What `nextgpt plugins new` writes installs as a wheel, passes the kit and chats with mini."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from nextgpt_core.testing import SystemKit

NEXTGPT = "from nextgpt_registry.cli import main; main()"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment that has what this one has, and the new plugin as a wheel."""
    home = environment(tmp_path_factory.mktemp("author"))
    nextgpt(home, "plugins", "new", "heartbeat")
    install(home, "heartbeat")
    return home


@pytest.fixture(scope="module")
def trainable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a trainable one, its models trained, and a tiny system to add it to."""
    home = environment(tmp_path_factory.mktemp("trainer"))
    nextgpt(home, "plugins", "new", "fish", "--trainable")
    done(python(home), "-m", "nextgpt_fish.train", cwd=home / "nextgpt-fish", own_cache=True)
    install(home, "fish")
    with SystemKit(home, plugins={}, channels={}).builder.build() as pipeline:
        pipeline.save(home / "base")
    return home


def environment(home: Path) -> Path:
    venv.create(home / "env", with_pip=False)
    packages = home / "env" / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    here = sysconfig.get_path("purelib")
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return home


def install(home: Path, name: str) -> None:
    """As a wheel."""
    pip = [sys.executable, "-m", "pip"]
    offline = ["--disable-pip-version-check", "--no-deps", "--no-index"]
    build = ["wheel", *offline, "--no-build-isolation", "-w", str(home)]
    there = ["--python", python(home), "install", *offline]
    done(*pip, *build, f"./nextgpt-{name}", cwd=home)
    (wheel,) = home.glob("*.whl")
    done(*pip, *there, str(wheel), cwd=home)


def python(home: Path) -> str:
    return str(home / "env" / "bin" / "python")


def done(*command: str, cwd: Path, own_cache: bool = False) -> str:
    """Standard output of a command that ends well."""
    # Tiny models: threads would wait for threads. Runs of another day are none of ours.
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    if own_cache:
        quiet["NEXTGPT_CACHE"] = str(cwd.parent / "cache")
    ended = subprocess.run(
        command, cwd=cwd, env=quiet, capture_output=True, text=True, timeout=800, check=False
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def nextgpt(home: Path, *arguments: str) -> str:
    return done(python(home), "-c", NEXTGPT, *arguments, cwd=home)


@pytest.mark.slow
def test_it_is_installed_and_passes_the_kit(home: Path) -> None:
    listed = json.loads(nextgpt(home, "plugins", "show", "heartbeat", "--json"))

    report = json.loads(nextgpt(home, "plugins", "check", "heartbeat", "--json"))

    assert listed["dist"] == "nextgpt-heartbeat"
    assert report["failed"] == 0
    assert report["passed"] == sum(test["outcome"] == "passed" for test in report["tests"]) > 40


@pytest.mark.slow
def test_its_own_tests_pass(home: Path) -> None:
    told = done(python(home), "-m", "pytest", "-q", cwd=home / "nextgpt-heartbeat")

    assert "passed" in told


@pytest.mark.slow
@pytest.mark.network
def test_it_chats_with_mini_unchanged(home: Path) -> None:
    sample = "from nextgpt_heartbeat.plugin import *; nextgpt_write_media(sample(0), Path('a'))"
    done(python(home), "-c", sample, cwd=home)
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


@pytest.mark.slow
def test_a_trainable_one_passes_the_kit(trainable: Path) -> None:
    report = json.loads(nextgpt(trainable, "plugins", "check", "fish", "--json"))

    assert report["failed"] == 0
    tests = [test["name"] for test in report["tests"] if test["outcome"] == "passed"]
    assert sum(name.startswith("Addition.") for name in tests) == 4


@pytest.mark.slow
def test_a_trainable_one_learns_from_its_data(trainable: Path) -> None:
    planned = json.loads(nextgpt(trainable, "plan", "base", "--add", "fish", "--json"))
    quick = ["steps=40", "batch=8", "lr=0.01", "log_every=10", "samples=0", "validate_on=0"]

    nextgpt(trainable, "train", "base", "--add", "fish", "--out", "with-fish", *quick)

    assert [stage["name"] for stage in planned["stages"]] == ["fish-encode", "fish-decode"]
    runs = trainable / "with-fish" / "runs"
    learned = (
        ("fish-encode", "text", 0.95),
        ("fish-decode", "alignment", 0.5),
    )
    for stage, loss, most in learned:  # of a random language model
        lines = (runs / stage / "log.jsonl").read_text("utf-8").splitlines()
        first, *_, last = [told[loss] for told in map(json.loads, lines) if loss in told]
        assert last < most * first
    told = nextgpt(
        trainable, "run", "with-fish", "--text", "Show it as fish: two high waves.",
        "--require", "fish=1", "--out", "out", "--json",
    )  # fmt: skip
    made, *_ = [part for part in json.loads(told)["parts"] if part["type"] == "fish"]
    assert Path(made["path"]).read_bytes().startswith(b"fish\n")
