"""The suite any2any: all directions, held-out combinations only, nothing unsaid expected."""

from collections import Counter

import pytest

from nextgpt_mini.suite import GOALS, any2any, expectations, said
from nextgpt_mini.world.dialogues import DIRECTIONS, Line, Script
from nextgpt_mini.world.scene import Clip, Picture, Sound
from nextgpt_mini.world.split import held_out_combinations
from nextgpt_mini.world.vocabulary import vocabulary

ALL = {"text->text", *DIRECTIONS}


@pytest.fixture(scope="module")
def suite():
    return any2any()


@pytest.fixture(scope="module")
def small():
    return any2any(library="samples")


def held_out(fact):
    return next(c for c in held_out_combinations() if c[0] == fact)


def test_suite_has_all_16_directions_and_mixed_requests(suite):
    found = Counter(prompt.direction for prompt in suite.prompts)

    assert set(found) == {*ALL, "mixed"}
    assert found["mixed"] >= 8


def test_suite_asks_for_every_concept(suite):
    words = vocabulary()
    asked = {(p.direction, p.concept) for p in suite.prompts}

    for direction in ("text->image", "text->video", "image->text", "video->text"):
        assert {c for d, c in asked if d == direction} == set(words.objects)
    for direction in ("text->audio", "audio->text"):
        assert {c for d, c in asked if d == direction} == set(words.sounds)


def test_prompts_have_names_of_their_own_that_never_change(suite):
    names = [prompt.id for prompt in suite.prompts]

    assert len(set(names)) == len(names)
    assert names == [prompt.id for prompt in any2any().prompts]


def test_first_prompts_are_one_of_each_direction(suite):
    first = [prompt.direction for prompt in suite.prompts[:17]]

    assert set(first) == {*ALL, "mixed"}


def test_expectations_fit_the_direction(suite):
    for prompt in suite.prompts:
        if prompt.direction == "mixed":
            continue
        assert [e.kind for e in prompt.expected] == [prompt.direction.partition("->")[2]]
        if prompt.direction != "text->text":
            assert prompt.expected[0].concept in prompt.expected[0].facts


def test_goals_are_those_of_the_first_bar():
    assert GOALS["*->*/structure"] == 0.95
    assert sum(name.endswith("/concept") for name in GOALS) == 6


def test_requests_are_conversations_with_rendered_media(small):
    for prompt in small.prompts[:60]:
        turns = prompt.request()

        assert turns[-1].role == "user"
        assert all(part.media is not None for part in turns[-1].media)
        if prompt.direction in DIRECTIONS:
            given = prompt.direction.partition("->")[0]
            assert [part.channel for part in turns[-1].media] == [given] * (given != "text")
        assert [t.text for t in turns] == [t.text for t in prompt.request()]


def test_nothing_held_out_no_prompt():
    fact, thing, colour = held_out("colour")
    trained = next(c for c in vocabulary().colours if c != colour)
    lines = [
        Script("text->image", (Line("user", ("Draw it.",)), Line("assistant", ("Here.", scene))))
        for scene in (Picture(thing, colour), Picture(thing, trained))
    ]

    assert fact == "colour"
    assert expectations(lines[0]) is not None
    assert expectations(lines[1]) is None


def test_what_was_not_asked_for_is_not_expected():
    clip = Clip("cat", "white", "jumping")

    assert said(clip, Line("user", ("Make a video of a cat.",))) == {"object": "cat"}
    assert said(clip, Line("user", (Picture("cat", "white"), "Make it jump."))) == {
        "object": "cat",
        "colour": "white",
        "motion": "jumping",
    }
    assert said(Sound("bell"), Line("user", ("Play a bell.",))) == {"sound": "bell"}
