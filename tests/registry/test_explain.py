"""Errors as documentation: each has a page, and its message says how to print it."""

from __future__ import annotations

import inspect

import pytest

from nextgpt_registry import MediaError, NextGPTError, errors
from nextgpt_registry.cli import main
from nextgpt_registry.cli.explain import gist, pages
from nextgpt_registry.errors import Cancelled, PlanError, Problem

ERRORS = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, NextGPTError)
]
SPECIAL = {PlanError: ("mine", [Problem("llm", "is missing")]), Cancelled: ()}


def test_every_error_has_its_page_and_no_page_is_left_over() -> None:
    assert set(pages()) == {error.__name__ for error in ERRORS}


@pytest.mark.parametrize("name", pages())
def test_a_page_says_what_it_means_and_how_to_mend_it(name: str) -> None:
    page = pages()[name]

    assert page.startswith(f"# {name}\n\n")
    assert gist(page).endswith(".")
    assert "\n## What it means\n" in page
    assert "\n## How to mend it\n" in page


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_message_ends_with_the_command_that_prints_the_page(error: type[NextGPTError]) -> None:
    message = str(error(*SPECIAL.get(error, ("who", "what", "the fix"))))

    assert message.splitlines()[-1].strip() == f"see: nextgpt explain {error.__name__}"


def test_an_error_of_a_plugin_names_the_page_of_its_base() -> None:
    class BeatError(MediaError):
        """A heartbeat is damaged."""

    assert str(BeatError("a.beats", "is torn")).endswith("see: nextgpt explain MediaError")


def test_the_command_line_ends_an_error_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", "PlanErorr"])

    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert "did you mean 'PlanError'" in told
    assert told.endswith("see: nextgpt explain RequestError\n")


def test_a_page_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "PlanError"])

    assert capsys.readouterr().out == pages()["PlanError"]


def test_without_a_name_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain"])

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == list(pages())
