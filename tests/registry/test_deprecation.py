"""An old form works, and tells its author until when: in warnings, `check` and `doctor`."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Protocol

import pytest

from nextgpt_registry import API, Catalog, PluginError
from nextgpt_registry.cli import main
from nextgpt_registry.cli.check import show
from nextgpt_registry.cli.doctor import examine
from nextgpt_registry.deprecation import NextGPTDeprecationWarning
from nextgpt_registry.testing.running import Report

SILENT = """
from nextgpt_registry import Manifest, Modality, hookimpl

SCENT = Modality(name="scent", summary="smells", mime=(), suffixes=(".smell",))

@hookimpl
def nextgpt_manifest():
    return Manifest(summary="says no API", license="MIT", modalities=(SCENT,))
"""
TOLD = "a manifest that does not say its `api` is deprecated since API 1.0 and refused from API 2.0"

IMPORTING = """
import warnings
from nextgpt_registry import Manifest, hookimpl
from nextgpt_registry.deprecation import NextGPTDeprecationWarning

warnings.warn(NextGPTDeprecationWarning(
    "importing", "something", since="1.4", removed="2.0", instead="write something else"))
warnings.warn("of another kind", UserWarning)

@hookimpl
def nextgpt_manifest():
    return Manifest(api="1.0", summary="uses something old at import", license="MIT")
"""


class Install(Protocol):
    def __call__(self, name: str, plugin: str) -> Path: ...


def test_a_plugin_that_uses_an_old_form_works_and_is_told_once(install: Install) -> None:
    install("silent", SILENT)

    with pytest.warns(NextGPTDeprecationWarning, match="silent: a manifest") as shown:
        catalog = Catalog.discover(["silent"])
    again = Catalog.discover(["silent"])  # warnings are errors here: it would fail to load

    assert catalog.modality("scent").name == "scent"
    assert [catalog.plugins[0].deprecated[0].removed] == ["2.0"]
    assert str(again.plugins[0].deprecated[0]) == str(catalog.plugins[0].deprecated[0])
    [warning] = shown
    assert TOLD in str(warning.message)
    assert 'fix: write Manifest(api="1.0", …)' in str(warning.message)
    assert Path(warning.filename).parts[-2:] == ("nextgpt_silent", "plugin.py")


def test_everybody_sees_it_without_asking() -> None:
    assert issubclass(NextGPTDeprecationWarning, FutureWarning)


def test_what_an_import_uses_is_told_and_other_warnings_go_on(install: Install) -> None:
    install("importing", IMPORTING)

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        [plugin] = Catalog.discover(["importing"]).plugins

    assert [form.since for form in plugin.deprecated] == ["1.4"]
    assert [warning.category for warning in shown] == [NextGPTDeprecationWarning, UserWarning]


def test_who_makes_errors_of_warnings_gets_one_about_the_plugin(install: Install) -> None:
    install("strict", SILENT)

    with pytest.raises(PluginError, match="NextGPTDeprecationWarning: strict: a manifest") as told:
        Catalog.discover(["strict"])
    assert told.value.who == "strict"


@pytest.mark.filterwarnings("ignore::nextgpt_registry.deprecation.NextGPTDeprecationWarning")
def test_the_doctor_tells_the_author(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("ailing", SILENT)
    monkeypatch.setattr("nextgpt_registry.cli.doctor._torch", lambda: ("not asked", True))

    report = examine()

    assert [note for note in report["notes"] if f"deprecated: ailing: {TOLD}" in note]
    assert not [problem for problem in report["problems"] if "ailing" in problem]
    assert report["plugins"]["ailing"]["deprecated"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nextgpt_registry.deprecation.NextGPTDeprecationWarning")
def test_checking_tells_the_author(install: Install, capfd: pytest.CaptureFixture[str]) -> None:
    install("checked", SILENT)

    with pytest.raises(SystemExit):
        main(["plugins", "check", "checked", "--json"])

    report = json.loads(capfd.readouterr().out)
    assert TOLD in report["deprecated"][0]
    outcomes = {test["name"]: test["outcome"] for test in report["tests"]}
    assert outcomes["Plugin.test_plugin_loads"] == "passed"


def test_a_report_for_people_names_old_forms(capsys: pytest.CaptureFixture[str]) -> None:
    show(Report("old", deprecated=(f"old: {TOLD}",)))

    assert f"deprecated: old: {TOLD}" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    ("api", "fix"),
    [("1.9", "upgrade nextgpt-registry"), ("2.0", "upgrade nextgpt-registry"),
     ("0.9", "upgrade the plugin")],
)  # fmt: skip
def test_an_api_that_is_not_spoken_here_is_refused_with_who_is_to_upgrade(
    install: Install, api: str, fix: str
) -> None:
    install("odd", SILENT.replace("Manifest(summary", f"Manifest(api={api!r}, summary"))

    with pytest.raises(PluginError, match=f"speaks API {api}, this host speaks {API}") as refused:
        Catalog.discover(["odd"])
    assert refused.value.fix == fix
