"""The model card is true: a fresh evaluation, small as it is, agrees with every figure of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextgpt_registry.cli import main

CARD = Path(__file__).parents[2] / "docs" / "mini"
EACH_DIRECTION_ONCE = 31


def nextgpt(*arguments: str | Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert not ended.value.code


@pytest.mark.slow
def test_a_fresh_evaluation_agrees_with_the_card(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rendered_from = "suites.any2any.options.library=samples"  # ships with the plugin
    limit = str(EACH_DIRECTION_ONCE)

    nextgpt(
        "eval", "mini", rendered_from, "--suite", "any2any", "--limit", limit, "--out", tmp_path
    )
    nextgpt("mini", "card", tmp_path, "--check", "--out", CARD)

    assert "every figure agrees" in capfd.readouterr().out
