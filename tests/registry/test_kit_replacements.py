"""Inherited tests stay: what is refused when a class is made, and what when it is collected."""

from __future__ import annotations

import contextlib
import io
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry import Catalog, PluginError, testing
from nextgpt_registry.testing import EncoderTests, PluginTests


def test_an_inherited_test_cannot_be_replaced() -> None:
    with pytest.raises(PluginError, match="replaces the inherited test test_plugin_loads"):

        class Replacing(PluginTests):
            def test_plugin_loads(self) -> None: ...


@pytest.mark.parametrize(
    "marks",
    [{}, {"reason": ""}, {"condition": False, "reason": "x"}, {"condition": True, "reason": "x"}],
    ids=str,
)
def test_an_expected_failure_needs_a_reason_and_no_condition(marks: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="xfail"):

        class Replacing(PluginTests):
            @pytest.mark.xfail(**marks)
            def test_plugin_loads(self) -> None: ...


def test_a_condition_by_position_is_one() -> None:
    with pytest.raises(PluginError, match="without a condition"):

        class Replacing(PluginTests):
            @pytest.mark.xfail(False, reason="never")
            def test_plugin_loads(self) -> None: ...


def test_an_inherited_test_cannot_be_removed() -> None:
    with pytest.raises(PluginError, match="test_plugin_loads"):
        type("Removing", (PluginTests,), {"test_plugin_loads": None})


def test_a_mixin_cannot_replace_one() -> None:
    class Mixin:
        def test_plugin_loads(self) -> None: ...

    with pytest.raises(PluginError, match="replaces the inherited test test_plugin_loads"):

        class Replacing(Mixin, PluginTests):
            plugin = "pulse"


def test_a_class_between_cannot_replace_one() -> None:
    with pytest.raises(PluginError, match="replaces the inherited test test_plugin_loads"):

        class Between(PluginTests):
            tested = ""

            def test_plugin_loads(self) -> None: ...


@pytest.mark.parametrize("name", ["cases", "loaded", "pytest_generate_tests", "tested"])
def test_what_decides_the_cases_cannot_be_replaced(name: str) -> None:
    with pytest.raises(PluginError, match=f"replaces {name!r}, which is the kit's") as refused:
        type("Replacing", (EncoderTests,), {"plugin": "pulse", name: classmethod(lambda cls: ())})

    assert "catalog, plugin, sample" in refused.value.fix


def test_a_kit_of_its_own_says_its_cases_and_its_tests_keep_them() -> None:
    class Pairs(EncoderTests):
        tested = "encoders"

        @classmethod
        def cases(cls) -> tuple[str, str]:
            return "a", "b"

    class Using(Pairs):
        plugin = "pulse"

    assert Using.cases() == ("a", "b")
    with pytest.raises(PluginError, match="replaces 'cases'"):
        type("Replacing", (Pairs,), {"cases": Using.cases})


def test_an_expected_failure_with_a_reason_and_tests_of_ones_own_are_welcome() -> None:
    class Own(PluginTests):
        plugin = "pulse"

        @pytest.mark.xfail(reason="its entry point is made by hand")
        def test_plugin_loads(self) -> None: ...

        def test_of_its_own(self) -> None: ...

        @classmethod
        def catalog(cls) -> Catalog:
            return Catalog([], {})

    class Further(Own):
        def test_of_its_own(self) -> None: ...

    assert Further.plugin == "pulse"


LIDAR = """
import pytest
from nextgpt_registry.testing import EncoderTests, ModalityTests, PluginTests

class TestPlugin(PluginTests):
    plugin = "lidar"
"""


BARE = """
from nextgpt_registry import Manifest, hookimpl

@hookimpl
def nextgpt_manifest():
    return Manifest(api="1.0", summary="nothing", license="MIT")
"""

BARE_TESTS = """
class TestEncoder(EncoderTests):
    plugin = "bare"
"""


def collect(folder: Path, text: str, *, plugins: tuple[object, ...] = ()) -> tuple[int, str]:
    """How collecting a test module ends: exit code, what is told."""
    path = folder / f"test_{secrets.token_hex(4)}.py"
    path.write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    arguments = [str(path), "-c", str(folder / "pytest.ini"), "--collect-only", "-q"]
    arguments += ["--import-mode=importlib", "-p", "no:cacheprovider", "-W", "ignore"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = pytest.main(arguments, plugins=plugins)
    sys.modules.pop(path.stem, None)
    return int(code), out.getvalue()


def test_an_installed_plugin_is_collected(lidar: Path, tmp_path: Path) -> None:
    code, told = collect(tmp_path, LIDAR, plugins=(testing,))

    assert code == 0, told
    assert "test_plugin_loads" in told


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("TestPlugin.test_plugin_loads = lambda self: None", "inherited test test_plugin_loads"),
        ("TestPlugin.test_plugin_loads = None", "inherited test test_plugin_loads"),
        ("PluginTests.test_plugin_loads = lambda self: None", "inherited test test_plugin_loads"),
        ("TestPlugin.cases = classmethod(lambda cls: ())", "replaces 'cases'"),
        ('TestPlugin.plugin = "lidr"', "did you mean 'lidar'"),
        ("class TestE(EncoderTests):\n    plugin = 'lidr'", "did you mean 'lidar'"),
        ("class TestM(ModalityTests): ...", "TestM: names no plugin"),
    ],
)
def test_a_second_look_is_taken_when_tests_are_collected(
    more: str, said: str, lidar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = PluginTests.test_plugin_loads
    monkeypatch.setattr(PluginTests, "test_plugin_loads", kept)  # and put back

    code, told = collect(tmp_path, f"{LIDAR}\n{more}\n")

    assert code == pytest.ExitCode.INTERRUPTED
    assert said in told
    assert "Traceback" not in told


def test_as_a_pytest_plugin_the_kit_looks_when_all_is_collected(
    lidar: Path, tmp_path: Path
) -> None:
    text = f"{LIDAR}\nTestPlugin.pytest_generate_tests = lambda self, metafunc: None\n"

    code, told = collect(tmp_path, text, plugins=(testing,))

    assert code == pytest.ExitCode.USAGE_ERROR
    assert "replaces 'pytest_generate_tests'" in told


def test_a_plugin_that_declares_none_of_a_kind_may_have_its_tests(
    install: Any, tmp_path: Path
) -> None:
    install("bare", BARE)

    code, told = collect(tmp_path, LIDAR.replace("lidar", "bare") + BARE_TESTS)

    assert code == 0, told
    assert "test_protocol_is_kept[none]" in told
