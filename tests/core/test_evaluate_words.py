"""What answers say and look like: phrases that must stand there or must not, lists, code, loops."""

from __future__ import annotations

import pytest

from nextgpt_core.evaluation import shapes, wording


@pytest.mark.parametrize(
    ("text", "phrase", "stands"),
    [
        ("I can\N{RIGHT SINGLE QUOTATION MARK}t draw that.", "can't", True),
        ("I CANNOT.", "cannot", True),
        ("cats", "cat", False),
        ("cats", "cat*", True),
        ("concatenated", "cat*", False),
        ("I do  not\nknow it", "not know", True),
        ("nothing", "no", False),
        ("C++ (old)", "c++ (old)", True),
    ],
)
def test_a_phrase_is_whole_words_in_any_case(text: str, phrase: str, stands: bool) -> None:
    assert wording.stated(text, [phrase]) == ((phrase,) if stands else ())


def test_of_each_group_one_phrase_must_be_said() -> None:
    says = (("cannot", "can't"), ("draw", "paint"))

    assert wording.unsaid("I cannot paint it.", says) == ()
    assert wording.unsaid("I cannot.", says) == ("draw | paint",)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("1. Milk\n2. Eggs", True),
        ("Here:\n- Milk\n* Eggs", True),
        ("Milk, eggs and -5 degrees", False),
        ("1. Milk is all that is needed.", False),
        ("**Milk**\n**Eggs**", False),
    ],
)
def test_a_list_has_two_items(text: str, listed: bool) -> None:
    assert shapes.lists(text) is listed


def test_code_is_fenced() -> None:
    assert shapes.code("```python\nprint(1)\n```")
    assert not shapes.code("`print` prints")


def test_an_answer_loops_that_says_six_words_three_times() -> None:
    sentence = "The cat sat on the mat. "

    assert shapes.loops(3 * sentence)
    assert not shapes.loops(2 * sentence)
    assert not shapes.loops("a " * 7)


def test_answers_are_held_against_the_bare_language_model_s() -> None:
    pairs = [("one two", "one two three four"), ("- a\n- b", "- a\n- b")] * 20

    found = shapes.comparison(pairs)

    assert found["n"] == 40
    assert found["length"][0] == 0.75
    assert found["length"][1] < 0.75 < found["length"][2]
    assert found["lists"] == [1.0, 1.0, 1.0]
    assert found["code"] is None
    assert found["loops"] == [0.0, 0.0, 0.0]
    assert found["system"] == {"length": 3.0, "lists": 0.5, "code": 0.0, "loops": 0.0}
    assert shapes.comparison([]) == {}
