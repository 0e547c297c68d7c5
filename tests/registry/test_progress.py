"""Without a terminal, what takes long says a line now and then, and what is quick says nothing."""

from __future__ import annotations

import time

import pytest

from nextgpt_registry.extras import how_to_install
from nextgpt_registry.fetch import progress


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_S", 30.0)


def test_first_line_comes_soon_and_the_next_later(
    soon: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(progress.tracked(range(5), "things", 5)) == [0, 1, 2, 3, 4]

    assert capsys.readouterr() == ("", "things: 1 of 5\n")


def test_bytes_are_told(soon: None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("a wheel") as report:
        report(1_500_000, 3_000_000)

    assert capsys.readouterr().err == "a wheel: 1.5 MB of 3.0\n"


def test_what_cannot_be_counted_says_that_it_is_at_it(
    soon: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.busy("loading"):
        time.sleep(1.5)

    assert capsys.readouterr().err.startswith("loading: ")


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.busy("loading"), progress.bar("a wheel") as report:
        report(1, 2)
    list(progress.tracked([1], "things"))

    assert capsys.readouterr() == ("", "")


def test_extra_that_names_a_module_is_told() -> None:
    assert how_to_install("resvg_py") == "pip install 'nextgpt-world[train]'"
    assert how_to_install("torchmetrics.image") == "pip install 'nextgpt-core[eval]'"
    assert (
        how_to_install("scipy", who="nextgpt_depth.train:X") == "pip install 'nextgpt-depth[train]'"
    )
    told = "command 'depth' of nextgpt-depth"
    assert how_to_install("nextgpt_world", who=told) == "pip install 'nextgpt-depth[train]'"
    assert how_to_install("nowhere_at_all") == "install it: pip install nowhere-at-all"
