"""Metrics against hand-worked cases and their definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_core.evaluate import metrics
from nextgpt_core.evaluate.scores import Result, confusions, report
from nextgpt_registry.suites import Expected, Suite


@pytest.mark.parametrize(
    ("wanted", "found", "strict", "lenient"),
    [
        (["image"], ["image"], True, 1.0),
        (["image"], ["text", "image"], True, 1.0),  # text beside media is never wrong
        (["image"], ["image", "image"], False, 1.0),
        (["image"], ["audio"], False, 0.0),
        (["image"], [], False, 0.0),
        (["image", "audio"], ["audio"], False, 0.5),
        (["image", "audio"], ["audio", "image"], True, 1.0),
        (["image", "image"], ["image"], False, 1.0),
        (["text"], ["text"], True, 1.0),
        (["text"], ["text", "image"], False, 1.0),
        (["text"], [], False, 0.0),
        (["text", "image"], ["image"], False, 0.5),
        ([], ["text"], True, 1.0),
        ([], ["image"], False, 1.0),
    ],
)
def test_structure_strict_and_lenient(
    wanted: list[str], found: list[str], strict: bool, lenient: float
) -> None:
    assert metrics.structure(wanted, found) is strict
    assert metrics.coverage(wanted, found) == lenient


def test_order_is_that_of_the_media_alone() -> None:
    assert metrics.order(["a", "b"], ["text", "a", "text", "b"])
    assert not metrics.order(["a", "b"], ["b", "a"])


CAT = Expected("image", {"object": "cat", "colour": "red", "count": "two"}, "object")


def test_concept_and_attributes_are_judged_apart() -> None:
    told = {"object": "cat", "colour": "blue", "count": "two"}

    assert metrics.concept([CAT], [told]) is True
    assert metrics.attributes([CAT], [told]) is False
    assert metrics.attributes([CAT], [told | {"colour": "red"}]) is True


def test_what_is_not_there_is_wrong_and_what_is_not_asked_for_is_nothing() -> None:
    assert metrics.concept([CAT], [None]) is False
    assert metrics.attributes([CAT], [None]) is False
    assert metrics.concept([Expected("text")], [None]) is None
    assert metrics.attributes([Expected("text")], [None]) is None


def test_wilson_is_the_textbook_interval() -> None:
    value, low, high = metrics.wilson(0.9, 10)

    assert value == 0.9
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert metrics.wilson(1.0, 10)[2] == pytest.approx(1.0)


def test_macro_average_counts_each_concept_alike() -> None:
    found = metrics.macro([("cat", 1), ("cat", 1), ("cat", 1), ("dog", 0)])

    assert found is not None
    assert found[0] == 0.5


def test_answers_about_one_concept_are_no_independent_trials() -> None:
    alike = metrics.macro([(n // 10, n // 10 % 2) for n in range(100)])
    apart = metrics.macro([(n, n % 2) for n in range(100)])

    assert alike is not None
    assert apart is not None
    assert alike[2] - alike[1] > 2 * (apart[2] - apart[1])


def test_all_right_is_not_certain() -> None:
    found = metrics.macro([(n, 1) for n in range(20)])

    assert found is not None
    assert 0.8 < found[1] < 0.9


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])), min_size=1))
def test_intervals_hold_their_value(values: list[tuple[int, float]]) -> None:
    found = metrics.macro(values)

    assert found is not None
    value, low, high = found
    assert 0 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 1


def result(number: int, *, right: bool, direction: str = "text->image") -> Result:
    told = {"object": "cat" if right else "dog"}
    return Result(
        id=str(number),
        direction=direction,
        group=str(number),
        expected=("image",),
        found=("image",),
        wanted=({"object": "cat"},),
        told=(told,),
        structure=True,
        coverage=1.0,
        concept=right,
    )


def test_a_goal_is_missed_where_the_interval_ends_below_it() -> None:
    results = [result(n, right=n < 8) for n in range(20)]
    suite = Suite("s", (), {}, {"*/concept": 0.5, "*/structure": 0.95})
    strict = Suite("s", (), {}, {"*/concept": 0.5, "text->image/concept": 0.9})

    lenient = report(results, suite, system="x", ceilings={})
    missed = report(results, strict, system="x", ceilings={})

    assert lenient["directions"]["text->image"]["concept"][0] == 0.4
    assert lenient["goals_missed"] == []  # 0.4 of 20: as much as 0.61 is possible
    assert missed["goals_missed"] == ["text->image/concept"]


def test_confusions_are_counted_most_frequent_first() -> None:
    found = confusions([result(n, right=n > 2) for n in range(5)])

    assert found == [("object", "cat", "dog", 3)]
