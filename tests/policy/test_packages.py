"""Every project can be published: licences, what an index shows, and what it asks for."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
META = ROOT / "all"
CODED = (
    ROOT,
    ROOT / "registry",
    *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
)
PROJECTS = (META, *CODED)
TOOLS = frozenset({"dev", "test"})
"""Extras for those who work on a project: nothing in its package may need them."""

WITHOUT_ASKING = {
    "nextgpt-core": {
        "matplotlib": "draws a table of ablations where it is installed",
        "pytest": "the conformance kit of systems, for tests",
    },
    "nextgpt-registry": {
        "huggingface-hub": "hf: sources say how to install it",
        "numpy": "the conformance kit, and whose plugin has it",
        "safetensors": "tensors, for those who have torch",
        "torch": "tensors, for those who have torch",
    },
    "nextgpt-world": {"tinysoundfont": "`prepare` alone; its own dependency needs a sound card"},
}
"""Imported inside functions, or by a kit, and not asked for."""

WITHOUT_IMPORTING = {
    "einops": "ImageBind's package imports it",
    "huggingface-hub": "the registry's hf: sources",
    "protobuf": "tokenizers of sentencepiece",
    "python-multipart": "forms of starlette",
    "regex": "ImageBind's package imports it",
    "safetensors": "read through the registry's tensors",
    "scipy": "the distances of torchmetrics; samplers of diffusers",
    "sentencepiece": "tokenizers of transformers",
    "tensorboard": "accelerate's log of a training",
    "torchsde": "samplers of diffusers",
}
"""Asked for on another's behalf."""


def label(project: Path) -> str:
    return project.name if project != ROOT else "core"


everywhere = pytest.mark.parametrize("project", PROJECTS, ids=label)
coded = pytest.mark.parametrize("project", CODED, ids=label)


@cache
def declared(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]
    return found


def wanted(project: Path) -> set[str]:
    """The distributions that a project asks for, in extras for its users too."""
    extras = declared(project).get("optional-dependencies", {})
    lists = [declared(project).get("dependencies", [])]
    lists += [listed for extra, listed in extras.items() if extra not in TOOLS]
    return {canonicalize_name(Requirement(one).name) for listed in lists for one in listed}


@cache
def imported(project: Path) -> frozenset[str]:
    """The distributions whose modules a project's package imports, at the top or anywhere else."""
    (package,) = (path.parent for path in project.glob("nextgpt_*/__init__.py"))
    files = [path for path in package.rglob("*.py") if "scaffold" not in path.parts]
    modules = {name for path in files for name in _modules(path)}
    modules -= {*sys.stdlib_module_names, package.name}
    homes = packages_distributions()
    return frozenset(
        canonicalize_name(name) for module in modules for name in homes.get(module, [module])[:1]
    )


def _modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@everywhere
def test_a_project_carries_the_licence_and_the_notice(project: Path) -> None:
    assert {"LICENSE", "NOTICE"} <= set(declared(project)["license-files"])
    for name in ("LICENSE", "NOTICE"):
        assert (project / name).read_bytes() == (ROOT / name).read_bytes(), f"cp {name} {project}"


@everywhere
def test_what_an_index_shows_is_whole(project: Path) -> None:
    shown = declared(project)

    assert shown["description"]
    assert shown["classifiers"] == sorted(shown["classifiers"])
    assert set(shown["classifiers"]) | {"Typing :: Typed"} == set(declared(ROOT)["classifiers"])
    assert shown["requires-python"] == declared(ROOT)["requires-python"]
    assert shown["version"] == declared(ROOT)["version"]


@everywhere
def test_a_readme_on_an_index_links_to_no_file_of_the_repository(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)  # where a project is built
    written = (project / "README.md").read_text("utf-8")

    readme = ProjectMetadata(str(project), PluginManager()).core.readme

    without_code = re.sub(r"```.*?```", "", readme, flags=re.DOTALL)
    assert not re.findall(r"\]\((?!https?://)[^)]*\)", without_code)
    assert re.findall(r"```.*?```", readme, re.DOTALL) == re.findall(
        r"```.*?```", written, re.DOTALL
    )


@coded
def test_a_project_asks_for_what_it_imports(project: Path) -> None:
    excused = WITHOUT_ASKING.get(declared(project)["name"], {})

    assert imported(project) - wanted(project) == set(excused)


@coded
def test_a_project_imports_what_it_asks_for(project: Path) -> None:
    asked = {name for name in wanted(project) if not name.startswith("nextgpt-")}

    assert asked - imported(project) <= set(WITHOUT_IMPORTING)


def test_no_excuse_outlives_its_reason() -> None:
    idle = {name for project in CODED for name in wanted(project) - imported(project)}

    assert set(WITHOUT_IMPORTING) <= idle


def test_nextgpt_all_brings_every_project() -> None:
    brought = {canonicalize_name(Requirement(one).name) for one in declared(META)["dependencies"]}

    assert brought == {declared(project)["name"] for project in CODED}


def test_nextgpt_all_has_every_extra_for_users_of_training() -> None:
    trainable = {
        declared(project)["name"]
        for project in CODED
        if "train" in declared(project).get("optional-dependencies", {})
    }

    brought = {
        Requirement(one).name: Requirement(one).extras
        for one in declared(META)["optional-dependencies"]["train"]
    }

    assert brought == {name: {"train"} for name in trainable}


@pytest.mark.parametrize("name", ["mini", "retrieval", "world"])
def test_media_of_others_ship_with_their_licences(name: str) -> None:
    project = ROOT / "plugins" / name

    texts = list((project / "LICENSES").glob("*.txt"))

    assert "LICENSES/*" in declared(project)["license-files"]
    stated = set(re.split(r" AND ", declared(project)["license"])) - {"Apache-2.0"}
    assert {one for one in stated if any(text.stem.endswith(one) for text in texts)} == stated
    assert "LICENSES" in (ROOT / "NOTICE").read_text("utf-8")
