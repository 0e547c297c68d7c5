"""The harness itself: what counts as clean, and what does not."""

from __future__ import annotations

import pytest

from nextgpt_registry import RequestError


def test_an_answer_is_right_and_an_error_of_ours_a_refusal(expect):
    def refuse():
        raise RequestError("ask", "nothing was asked", "ask something")

    expect.answer(lambda: 2 + 2, 4)
    expect.answer(lambda: 2 + 2, lambda answer: answer > 3)
    expect.refusal(refuse, "nothing", "ask something")
    expect.clean(refuse)

    assert expect.counts == {"right": 2, "refused": 2}


@pytest.mark.parametrize("error", [ValueError("bare"), KeyError("k"), TypeError("python's own")])
def test_a_bare_exception_is_no_clean_refusal(expect, error):
    def fail():
        raise error

    with pytest.raises((type(error), AssertionError)):
        expect.clean(fail)

    assert expect.counts == {"right": 0, "refused": 0}
    expect.answer(lambda: True)


@pytest.mark.exhaustive(sample=2)
@pytest.mark.parametrize("case", range(5))
def test_of_what_is_marked_exhaustive_a_run_takes_the_sample(request, expect, case):
    chosen = [
        item.callspec.params["case"]
        for item in request.session.items
        if item is not None and item.originalname == request.node.originalname
    ]

    assert case in chosen
    assert len(chosen) == (5 if request.config.getoption("--all") else 2)
    expect.answer(lambda: True)
