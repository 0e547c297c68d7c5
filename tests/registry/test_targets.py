"""Targets are found without importing anything, and imported with blame."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nextgpt_registry import PluginError
from nextgpt_registry.targets import locate, missing, options_model, package_file, resolve


@pytest.fixture
def package(site: Path) -> Path:
    folder = site / "lavish" / "inner"
    folder.mkdir(parents=True)
    (site / "lavish" / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "leaf.py").write_text("")
    (folder / "notes.yaml").write_text("")
    return folder


def test_probing_a_dotted_module_imports_no_parent(package: Path) -> None:
    assert missing(["lavish.inner.leaf", "lavish.inner.other", "nowhere.at.all"]) == (
        "lavish.inner.other",
        "nowhere.at.all",
    )
    assert "lavish" not in sys.modules


def test_probing_finds_what_is_loaded_already() -> None:
    assert missing(["sys", "json.decoder", "__main__"]) == ()
    assert locate("sys.path") is None


def test_a_file_of_a_package_is_found_without_importing_it(package: Path) -> None:
    assert package_file("lavish:inner/notes.yaml") == package / "notes.yaml"
    with pytest.raises(PluginError, match="no file 'inner/other"):
        package_file("lavish:inner/other.yaml")
    with pytest.raises(PluginError, match="no package 'nowhere'"):
        package_file("nowhere:a.yaml")


def test_a_target_is_imported_and_named() -> None:
    assert resolve("pathlib:Path") is Path
    with pytest.raises(PluginError, match="did you mean 'Path'"):
        resolve("pathlib:Pat")
    with pytest.raises(PluginError, match="nowhere"):
        resolve("nowhere.at:All")


def test_a_target_that_fails_to_import_is_blamed(package: Path) -> None:
    with pytest.raises(PluginError, match="RuntimeError: imported") as caught:
        resolve("lavish.inner.leaf:Leaf")

    assert isinstance(caught.value.__cause__, RuntimeError)


def test_options_must_refuse_what_they_do_not_know() -> None:
    assert options_model("nextgpt_registry.projections:QueryOptions")
    with pytest.raises(PluginError, match="forbid"):
        options_model("pydantic:BaseModel")
    with pytest.raises(PluginError, match="pydantic model"):
        options_model("pathlib:Path")
