"""What the conformance kit is made of: media compared, HTML, options; and what a report tells."""

from __future__ import annotations

import json
import os
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nextgpt_registry import Media
from nextgpt_registry.cli import main
from nextgpt_registry.testing.difference import between
from nextgpt_registry.testing.fragment import faults
from nextgpt_registry.testing.running import run_kit
from nextgpt_registry.testing.variations import variations


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
    widths: tuple[int, ...] = Field(default=(8, 16))
    pair: tuple[Literal["a", "b"], float] = ("a", 1.0)
    none: tuple[str, ...] = ()
    even: tuple[int, int] = (1, 3)
    name: str = "x"

    @field_validator("even")
    @classmethod
    def _even(cls, value: tuple[int, int]) -> tuple[int, int]:
        if sum(value) != 4:
            raise ValueError("a sum of 4")
        return value


def test_each_option_is_varied_within_its_bounds() -> None:
    found: dict[str, Any] = {}
    for said in variations(Some, {"steps": 2}):
        found |= said

    assert found == {
        "steps": 3, "side": 128, "share": 0.5, "kind": "b", "loud": True, "layers": 2,
        "widths": (9, 17), "pair": ("b", 1.5), "none": ("x",), "name": "xx",
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
