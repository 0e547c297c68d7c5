"""`make dist` builds wheels that talk where nothing is but them and what they ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from docpages import blocks_of, check, environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PLUGINS = {
    path.parent.name
    for path in ROOT.glob("plugins/*/pyproject.toml")
    if "nextgpt.plugins" in path.read_text("utf-8")  # the world is a library
}

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment of the wheels, and of this one what they ask for, no more.

    So that torch is not fetched again, what is asked for is linked; a requirement that no wheel
    names is missing there.
    """
    home = tmp_path_factory.mktemp("wheels")
    ready = ["-o", f"{sys.prefix}/.ready"]  # a test sets nothing up
    done("make", *ready, "dist", f"VENV={sys.prefix}", f"DIST={home / 'dist'}", cwd=ROOT)
    venv.create(home / "env", with_pip=False)
    wheels = sorted(map(str, home.glob("dist/*.whl")))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    there = ["--python", str(home / "env" / "bin" / "python")]
    done(*pip, *there, "install", "--no-deps", "--no-index", *wheels, cwd=home)
    link(asked_for(packages_of(home / "env")), packages_of(home / "env"))
    return home


def packages_of(environment: Path) -> Path:
    return environment / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


@pytest.fixture(scope="module")
def programs(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of the wheels and, from this environment, of who writes and tests a plugin."""
    tools = tmp_path_factory.mktemp("tools")
    wanted = {name: distribution(name) for name in ("editables", "hatchling", "pip", "pytest")}
    link(wanted | closure(wanted), tools)
    return environment(tmp_path_factory.mktemp("author"), packages_of(home / "env"), tools)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own, empty at first."""
    return tmp_path_factory.mktemp("cache")


def asked_for(packages: Path) -> dict[str, Distribution]:
    """What the distributions of a folder ask for, and what that asks for, as installed here."""
    found = Distribution.discover(path=[str(packages)])
    return closure({canonicalize_name(one.name): one for one in found})


def closure(here: dict[str, Distribution]) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [(one, "") for one in here.values()]
    seen = set()
    while waiting:
        asking, extra = waiting.pop()
        for wanted in map(Requirement, asking.requires or ()):
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
                continue
            name = canonicalize_name(wanted.name)
            one = here.get(name) or found.setdefault(name, distribution(name))
            for more in {"", *wanted.extras}:
                if (name, more) not in seen:
                    seen.add((name, more))
                    waiting.append((one, more))
    return found


def link(distributions: dict[str, Distribution], packages: Path) -> None:
    for one in distributions.values():
        for top in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(str(one.locate_file(top)))


def done(*command: str, cwd: Path) -> str:
    """Standard output of a command that ends well."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=800, check=False
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def nextgpt(home: Path, *arguments: str) -> str:
    return done(str(home / "env" / "bin" / "nextgpt"), *arguments, cwd=home)


def test_every_plugin_is_there_and_whole(home: Path) -> None:
    listed = json.loads(nextgpt(home, "plugins", "list", "--json"))

    look = "import importlib.util as u, nextgpt_core as c; print(c.__file__, u.find_spec('pytest'))"
    where, tools = done(str(home / "env" / "bin" / "python"), "-c", look, cwd=home).split()

    assert {one["dist"] for one in listed["plugins"]} == {f"nextgpt-{name}" for name in PLUGINS}
    assert Path(where).is_relative_to(home)
    assert tools == "None"


def test_mini_talks_without_the_checkout(home: Path) -> None:
    words = ["--text", "Draw a cat on a blue background"]

    answer = json.loads(nextgpt(home, "run", "mini", *words, "--seed", "7", "--out", "o", "--json"))

    paths = [Path(part["path"]) for part in answer["parts"] if "path" in part]
    assert paths
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *sorted(ROOT.glob("docs/tutorials/*.md"))],
    ids=lambda page: page.stem,
)
def test_a_page_can_be_followed_with_an_empty_cache(
    programs: Path, cache: Path, page: Path, tmp_path: Path
) -> None:
    for block in blocks_of(page):
        if block.runs or block.saved:
            check(block, tmp_path, programs, NEXTGPT_CACHE=str(cache))
