"""Files of installed distributions are sources, by their names in a wheel, wherever they lie."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nextgpt_registry import PlanError, make_plan
from nextgpt_registry.anchors import anchored
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.sources import cached, fetch


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def weights(lidar: Path) -> Path:
    """The folder of weights that the installed plugin `nextgpt-lidar` ships."""
    folder = lidar / "weights"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"model")
    return folder


def test_a_file_is_found_by_its_name_in_the_wheel(weights: Path) -> None:
    source = "package:nextgpt-lidar/nextgpt_lidar/weights/model.bin"

    assert fetch(source, sha256=None) == weights / "model.bin"
    assert cached(source, sha256=digest(b"model")) == weights / "model.bin"
    assert fetch("package:Nextgpt_Lidar/nextgpt_lidar/weights/", sha256=None) == weights


def test_its_pin_is_held(weights: Path) -> None:
    with pytest.raises(SourceError, match="sha256 is"):
        fetch("package:nextgpt-lidar/nextgpt_lidar/weights/model.bin", sha256="0" * 64)


def test_a_part_of_a_list_may_be_one(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTGPT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tail").write_bytes(b"+")
    parts = ["package:nextgpt-lidar/nextgpt_lidar/weights/model.bin", "file:tail"]

    assert fetch(parts, sha256=digest(b"model+"), base=tmp_path).read_bytes() == b"model+"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("package:nextgpt-sonar/x/a.bin", r"is not installed\n  fix: run `pip install nextgpt-s"),
        (
            "package:nextgpt-lidar/nextgpt_lidar/weights/modle.bin",
            r"nextgpt-lidar 0\.2\.0 has no such file\n  fix: did you mean one of nextgpt_lidar/wei",
        ),
        ("package:nextgpt-lidar/elsewhere/model.bin", "begin the path with one of"),
    ],
)
def test_what_is_not_there_is_told(weights: Path, source: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        fetch(source, sha256=None)

    assert cached(source, sha256=None) is None


def test_a_plan_tells_it_too(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: seer\nweights: {lora: {source: 'package:nextgpt-sonar/x/a.safetensors'}}"
    )

    with pytest.raises(PlanError, match="pip install nextgpt-sonar"):
        make_plan(tmp_path / "mine.yaml")


@pytest.mark.parametrize("form", ["wheel", "pth", "finder"])
def test_an_installed_file_is_found_in_every_form_of_install(tmp_path: Path, form: str) -> None:
    site, project = tmp_path / "site", tmp_path / "project" / "src"
    package = (site if form == "wheel" else project) / "nextgpt_far" / "weights"
    package.mkdir(parents=True)
    (package / "a.bin").write_bytes(b"a")
    (package.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    info = site / "nextgpt_far-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nextgpt-far\nVersion: 1.0\n")
    if form == "pth":
        (site / "far.pth").write_text(f"{project}\n")
    if form == "finder":  # as setuptools' editable installs
        (site / "finder.py").write_text(
            "import importlib.util, sys\n"
            "class Finder:\n"
            "    @staticmethod\n"
            "    def find_spec(name, path=None, target=None):\n"
            "        if name == 'nextgpt_far':\n"
            f"            at = {str(package.parent)!r}\n"
            "            return importlib.util.spec_from_file_location(\n"
            "                name, at + '/__init__.py', submodule_search_locations=[at])\n"
            "sys.meta_path.append(Finder)\n"
        )
        (site / "far.pth").write_text("import finder\n")
    code = (
        f"import site; site.addsitedir({str(site)!r})\n"
        "from nextgpt_registry.fetch.sources import fetch\n"
        "print(fetch('package:nextgpt-far/nextgpt_far/weights/a.bin', sha256=None))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(package / "a.bin")


def test_what_is_saved_names_no_place_of_this_machine(weights: Path, tmp_path: Path) -> None:
    (weights.parent / "systems" / "talk.yaml").write_text("acts: []")
    (tmp_path / "mine.bin").write_bytes(b"mine")
    (tmp_path / "mine.yaml").write_text(
        "extends: seer\n"
        f"demo: {weights.parent}/systems/talk.yaml\n"
        "weights:\n"
        f"  lora: {{source: 'file:{weights}/model.bin'}}\n"
        "  signals: {source: 'file:mine.bin'}\n"
    )
    loaded = load_config(tmp_path / "mine.yaml")

    config = anchored(loaded.config, loaded.base)

    assert config.llm.path == "package:nextgpt-lidar/nextgpt_lidar/systems/model"
    assert config.demo == "package:nextgpt-lidar/nextgpt_lidar/systems/talk.yaml"
    assert config.weights["lora"].source == "package:nextgpt-lidar/nextgpt_lidar/weights/model.bin"
    assert config.weights["signals"].source == f"file:{tmp_path}/mine.bin"
    assert anchored(config, Path("/elsewhere")) == config


def test_a_wheel_in_a_zip_is_no_place_for_files(tmp_path: Path) -> None:
    archive = tmp_path / "far.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("nextgpt_far/__init__.py", "")
        packed.writestr("nextgpt_far/a.bin", "a")
        packed.writestr(
            "nextgpt_far-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: nextgpt-far\nVersion: 1.0\n",
        )
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from nextgpt_registry.errors import SourceError\n"
        "from nextgpt_registry.fetch.sources import fetch\n"
        "try: fetch('package:nextgpt-far/nextgpt_far/a.bin', sha256=None)\n"
        "except SourceError as error: print(error)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "has no such file" in done.stdout
