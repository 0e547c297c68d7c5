"""The repository's own rules: every plugin is checked, tracked files stay small and anonymous."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000
WEIGHTS = (".safetensors", ".bin", ".gguf", ".npz", ".onnx", ".pt", ".pth")


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: nothing is tracked")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_plugin_stands_in_the_import_contracts(project: dict[str, object]) -> None:
    linter = project["tool"]["importlinter"]
    plugins = {f"nextgpt_{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml")}

    known = set(linter["root_packages"])
    named = {contract["name"]: contract for contract in linter["contracts"]}
    independent = named["Plugins never import each other"]["modules"]

    assert plugins <= known
    assert plugins - {"nextgpt_world"} <= set(independent)  # a library, which is no plugin


def test_every_package_says_that_it_is_typed() -> None:
    packages = [
        ROOT / "nextgpt_core",
        *ROOT.glob("registry/nextgpt_*"),
        *ROOT.glob("plugins/*/nextgpt_*"),
    ]

    assert not [path.name for path in packages if not (path / "py.typed").is_file()]


def test_no_tracked_file_is_over_15_megabytes(tracked: list[Path]) -> None:
    large = {str(path): path.stat().st_size for path in tracked}

    assert not {path: size for path, size in large.items() if size > 15 * MEGABYTE}


def test_tracked_weights_are_at_most_40_megabytes_together(tracked: list[Path]) -> None:
    sizes = [path.stat().st_size for path in tracked if path.suffix in WEIGHTS]

    assert sum(sizes) <= 40 * MEGABYTE


def test_source_files_stay_readable(tracked: list[Path]) -> None:
    source = [
        path
        for path in tracked
        if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts
    ]

    long = {
        str(path.relative_to(ROOT)): lines
        for path in source
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }

    assert not long


def test_constraints_pin_exact_versions_from_anywhere() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    pins = [line for line in lines if line and not line.startswith("#")]

    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert "torch==2.13.0" in pins


def test_figures_of_mini_stand_in_its_model_card_alone() -> None:
    for page in ("README.md", "CHANGELOG.md"):
        assert not re.findall(r"\d+(?:\.\d+)? ?%", (ROOT / page).read_text("utf-8")), page
