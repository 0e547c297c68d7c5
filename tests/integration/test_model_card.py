"""The model card is true: a fresh evaluation, small as it is, agrees with every figure of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_registry.cli import main

CARD = Path(__file__).parents[2] / "docs" / "mini"
TEN_DIRECTIONS, EACH_DIRECTION_ONCE = 10, 31


def nextgpt(*arguments: str | Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert not ended.value.code


@pytest.mark.slow
@pytest.mark.parametrize(
    "limit",
    [TEN_DIRECTIONS, pytest.param(EACH_DIRECTION_ONCE, marks=pytest.mark.exhaustive)],
)
def test_a_fresh_evaluation_agrees_with_the_card(
    limit: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rendered_from = "suites.any2any.options.library=samples"  # ships with the plugin
    asked = ["--suite", "any2any", "--limit", str(limit)]

    nextgpt("eval", "mini", rendered_from, *asked, "--out", tmp_path)
    nextgpt("mini", "card", tmp_path, "--check", "--out", CARD)

    assert "every figure agrees" in capfd.readouterr().out
