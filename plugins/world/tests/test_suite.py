"""The suite any2any: all directions, held-out combinations only, nothing unsaid expected."""

from collections import Counter
from fnmatch import fnmatchcase

import pytest

from nextgpt_registry.suites import Named
from nextgpt_world.dialogues import DIRECTIONS, MIXED_DIRECTIONS, Line, Script
from nextgpt_world.reference import Reference
from nextgpt_world.scene import Clip, Picture, Sound
from nextgpt_world.split import held_out_combinations
from nextgpt_world.suite import GOALS, KINDS, MIXED, any2any, expectations, said
from nextgpt_world.vocabulary import vocabulary

ALL = {"text->text", *DIRECTIONS}
BETWEEN = [f"{a}->{b}" for a in KINDS for b in KINDS]


@pytest.fixture(scope="module")
def suite():
    return any2any()


@pytest.fixture(scope="module")
def small():
    return any2any(library="samples")


def held_out(fact):
    return next(c for c in held_out_combinations() if c[0] == fact)


def test_suite_has_all_16_directions_and_mixed_ones_by_name(suite):
    found = Counter(prompt.direction for prompt in suite.prompts)

    assert len(ALL) == 16
    assert set(found) == {*ALL, *MIXED_DIRECTIONS}
    assert len(MIXED_DIRECTIONS) >= 8
    assert all(found[direction] == MIXED for direction in MIXED_DIRECTIONS)


@pytest.mark.parametrize("direction", MIXED_DIRECTIONS)
def test_a_mixed_direction_gives_and_wants_what_it_names(small, direction):
    given, _, asked = direction.partition("->")
    prompts = [prompt for prompt in small.prompts if prompt.direction == direction]

    assert prompts
    for prompt in prompts[:4]:
        [turn] = prompt.request()
        shown = [part.channel for part in turn.media]
        wanted = [expected.kind for expected in prompt.expected]
        assert sorted(shown) == sorted(set(given.split("+")) - {"text"})
        if asked == "text":
            assert wanted == ["text"] * len(shown)  # one for each thing shown, in order
        else:
            assert sorted(wanted) == sorted(asked.split("+"))


def test_several_media_in_one_answer_are_among_them(suite):
    several = {
        prompt.direction
        for prompt in suite.prompts
        if sum(expected.kind != "text" for expected in prompt.expected) > 1
    }

    assert len(several) >= 5


def test_every_judge_is_named_so_that_the_suite_can_be_written(suite):
    assert all(isinstance(judge, Named) for judge in suite.judges.values())
    assert set(suite.live_judges()) == {"text", *KINDS}


def test_the_harder_suite_asks_the_same_in_other_words(suite):
    harder = any2any(wording="paraphrase")

    assert harder.name == "any2any-paraphrase"
    assert Counter(p.direction for p in harder.prompts) == Counter(
        p.direction for p in suite.prompts
    )


@pytest.mark.parametrize("kind", KINDS)
def test_reference_is_of_that_kind_and_the_same_every_time(kind):
    reference = Reference(library="samples")

    first, more = reference(kind, 2), reference(kind, 4)

    assert {media.modality for media in more} == {kind}
    assert first == more[:2]
    assert len(set(more)) == 4


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
    first = [prompt.direction for prompt in suite.prompts[: 16 + len(MIXED_DIRECTIONS)]]

    assert set(first) == {*ALL, *MIXED_DIRECTIONS}


def test_expectations_fit_the_direction(suite):
    for prompt in suite.prompts:
        if prompt.direction in MIXED_DIRECTIONS:
            continue
        assert [e.kind for e in prompt.expected] == [prompt.direction.partition("->")[2]]
        if prompt.direction != "text->text":
            assert prompt.expected[0].concept in prompt.expected[0].facts


def goal(name):
    return [least for pattern, least in GOALS.items() if fnmatchcase(name, pattern)][-1]


def test_goals_are_those_of_the_table():
    for direction in (*ALL, *MIXED_DIRECTIONS):
        assert goal(f"{direction}/structure") == 0.98
        assert goal(f"{direction}/order") == 0.90
    for direction in BETWEEN:
        assert goal(f"{direction}/concept") == goal(f"{direction}/attributes") == 0.75
    for kind, least in (("image", 0.92), ("audio", 0.90), ("video", 0.88)):
        assert goal(f"{kind}->text/concept") == goal(f"{kind}->text/attributes") == 0.873
        assert goal(f"text->{kind}/concept") == least
        assert goal(f"text->{kind}/attributes") == 0.80


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
