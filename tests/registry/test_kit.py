"""What the conformance kit is made of: replacements refused, media compared, HTML and options."""

from __future__ import annotations

import json
import os
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from nextgpt_registry import Media, PluginError
from nextgpt_registry.cli import main
from nextgpt_registry.testing import PluginTests
from nextgpt_registry.testing.difference import between
from nextgpt_registry.testing.fragment import faults
from nextgpt_registry.testing.running import run_kit
from nextgpt_registry.testing.variations import variations


def test_an_inherited_test_cannot_be_replaced() -> None:
    with pytest.raises(PluginError, match="replaces the inherited test test_plugin_loads"):

        class Replacing(PluginTests):
            def test_plugin_loads(self) -> None: ...


@pytest.mark.parametrize("marks", [{}, {"reason": ""}], ids=str)
def test_an_expected_failure_needs_a_reason(marks: dict[str, str]) -> None:
    with pytest.raises(PluginError, match="xfail"):

        class Replacing(PluginTests):
            @pytest.mark.xfail(**marks)
            def test_plugin_loads(self) -> None: ...


def test_an_inherited_test_cannot_be_removed() -> None:
    with pytest.raises(PluginError, match="test_plugin_loads"):
        type("Removing", (PluginTests,), {"test_plugin_loads": None})


def test_an_expected_failure_with_a_reason_and_tests_of_ones_own_are_welcome() -> None:
    class Own(PluginTests):
        plugin = "pulse"

        @pytest.mark.xfail(reason="its entry point is made by hand")
        def test_plugin_loads(self) -> None: ...

        def test_of_its_own(self) -> None: ...

    assert Own.plugin == "pulse"


def picture(value: int) -> Media:
    return Media("x", np.full((2, 2), value, np.uint8))


def sound(level: float) -> Media:
    return Media("x", np.full(4, level, np.float32), 8.0)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (picture(7), picture(9), ""),
        (picture(7), picture(10), "changes of up to 1.2% of full scale"),
        (sound(0.5), sound(0.5005), ""),
        (sound(0.5), sound(0.51), "changes of -40 dB"),
        (picture(7), sound(7), r"(shape, dtype, rate) ((4,), 'float32', 8.0) where it was"),
        (Media("x", b"a"), Media("x", b"a"), ""),
        (Media("x", b"a"), Media("x", b"b"), "other bytes"),
    ],
)
def test_media_are_compared_within_the_bounds_of_batching(
    one: Media, other: Media, said: str
) -> None:
    assert between(one, other).startswith(said)
    assert bool(between(one, other)) == bool(said)


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ('<img src="data:image/png;base64,AA==" alt="x">', ""),
        ('<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>', ""),
        ('<figure><video src="#a"></video><br></figure>', ""),
        ('<img src="a.png">', "outside"),
        ('<p style="background: url(http://x)">x</p>', "outside"),
        ("<div><p>x</div>", ""),
        ("<div>x", "<div> is never closed"),
        ("x</div>", "closes nothing"),
        ("<script>x</script>", "a <script>"),
        ('<p onclick="x">x</p>', "runs a script"),
    ],
)
def test_what_is_wrong_with_html_is_told(fragment: str, said: str) -> None:
    found = "; ".join(faults(fragment))

    assert said in found
    assert bool(found) == bool(said)


class Some(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=200, ge=1, le=200)
    side: int = Field(default=64, multiple_of=64)
    share: float = Field(default=1.0, ge=0, le=1)
    kind: Literal["a", "b"] = "a"
    loud: bool = False
    layers: int | None = Field(default=None, gt=1)
    name: str = "x"


def test_each_option_is_varied_within_its_bounds() -> None:
    found: dict[str, Any] = {}
    for said in variations(Some, {"steps": 2}):
        found |= said

    assert found == {
        "steps": 3, "side": 128, "share": 0.5, "kind": "b", "loud": True, "layers": 2, "name": "xx",
    }  # fmt: skip


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["plugins", "check", *arguments])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_checking_an_unknown_plugin_ends_with_2(
    lidar: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = check(capsys, "lidr", "--json")

    assert (code, out) == (2, "")
    assert "did you mean 'lidar'" in err


def test_a_plugin_that_does_not_load_is_a_failed_report(
    install: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    install("torn", "1 / 0")

    code, out, _ = check(capsys, "torn", "--json")

    report = json.loads(out)
    assert code == 1
    assert (report["plugin"], report["failed"], report["passed"]) == ("torn", 1, 0)
    assert "ZeroDivisionError" in report["tests"][0]["message"]
    assert {"name", "outcome", "seconds", "message"} == set(report["tests"][0])


def test_other_pytest_plugins_take_no_part(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("torn", "1 / 0")
    points = "[pytest11]\nbad = nextgpt_bad.plugin\n"
    install("bad", "raise RuntimeError('loaded into the kit')", points=points)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)

    report = run_kit("torn")

    assert [test.name for test in report.tests if test.outcome == "failed"] == [
        "Plugin.test_plugin_loads"
    ]
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


def test_a_report_for_people_names_what_failed(
    install: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    install("torn", "1 / 0")

    code, out, _ = check(capsys, "torn")

    assert code == 1
    assert "FAIL" in out
    assert "usual cause:" in out
    assert out.splitlines()[-1].startswith("torn: 0 passed, 1 failed, ")
