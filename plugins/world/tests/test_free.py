"""The suite any2any-free: whole as data, and in words of its own, which no training shares."""

from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from itertools import pairwise

import pytest

from nextgpt_registry.errors import ConfigError
from nextgpt_registry.suites import TEXT, Named
from nextgpt_world.free import elsewhere as others
from nextgpt_world.free.requests import lines, scene
from nextgpt_world.free.suite import GOALS, any2any_free
from nextgpt_world.scene import Picture, Sound, Video
from nextgpt_world.vocabulary import vocabulary

GIVEN = ("twemoji", "openmoji", "tuxpaint", "timgm", "unknown")


@pytest.fixture(scope="module")
def suite():
    return any2any_free()


def texts(line):
    return [part for part in line["ask"] if isinstance(part, str)]


def shown(line):
    return [part for part in line["ask"] if not isinstance(part, str)]


def test_there_are_600_requests_beside_given_media_and_a_third_of_them_are_families_of_one():
    own = [line for line in lines() if line["group"] not in GIVEN]
    sizes = Counter(line["family"] for line in own)

    assert len(own) >= 600
    assert len(sizes) >= 400
    assert sum(size == 1 for size in sizes.values()) >= 200


def test_a_request_has_a_name_of_its_own_in_its_family():
    names = [line["id"] for line in lines()]

    assert len(set(names)) == len(names)
    for line in lines():
        assert line["family"].startswith(f"{line['group']}/")
        if line["group"] in (*GIVEN, "alone"):  # answers about one thing are alike
            [medium] = shown(line)
            assert line["family"].endswith(medium.get("object") or medium["sound"])
        else:
            assert line["id"].startswith(f"{line['family']}/")


def test_conversations_have_six_to_twelve_turns_and_change_modality():
    found = defaultdict(list)
    for line in lines():
        if line["group"] == "conversation":
            found[line["family"]].append(line)

    assert len(found) >= 12
    for turns in found.values():
        assert 6 <= len(turns) <= 12
        kinds = {w["kind"] for t in turns for w in t.get("want", ())}
        assert len(kinds | {s["kind"] for t in turns for s in shown(t)}) >= 2
        for before, turn in pairwise(turns):
            assert turn["follows"] == before["id"]


def test_every_fact_is_one_of_the_world_s(suite):
    words = vocabulary()

    for prompt in suite.prompts:
        for expected in prompt.expected:
            for fact, value in expected.facts.items():
                assert value in words.words(fact.removeprefix("second "))


def test_every_medium_shown_is_of_the_world_or_known_to_be_none_of_it():
    for line in lines():
        for medium in shown(line):
            made = scene(medium)
            kind = {"audio": Sound, "video": Video, "image": Picture}[medium["kind"]]
            assert isinstance(made, kind)
            words = vocabulary().sounds if isinstance(made, Sound) else vocabulary().objects
            if line["group"] == "unknown":
                assert made.concept in others.unknown()
            else:
                assert made.concept in words


def test_another_style_is_asked_about_everything_it_has():
    seen = defaultdict(set)
    for line in lines():
        for medium in shown(line):
            if line["group"] in others.PICTURES and line["group"] == medium["style"]:
                seen[line["group"]].add(medium["object"])

    assert seen["twemoji"] == set(vocabulary().objects)
    assert seen["twemoji"] - seen["openmoji"] == {"laser gun"}  # which is a revolver there
    assert len(seen["tuxpaint"]) >= 40


def test_outside_the_world_it_must_be_said_so_and_inside_nothing_is_refused(suite):
    by_group = defaultdict(list)
    for prompt in suite.prompts:
        by_group[prompt.direction].append(prompt)

    for prompt in by_group["outside"]:
        assert [e.kind for e in prompt.expected] == [TEXT]
        assert "can't" in {phrase for group in prompt.says for phrase in group}
    for group in ("image", "video", "audio", "several"):
        for prompt in by_group[group]:
            assert TEXT not in {e.kind for e in prompt.expected}
            assert "can't" in prompt.never
    for group in ("statement", "question", "chat"):
        for prompt in by_group[group]:
            assert [(e.kind, dict(e.facts)) for e in prompt.expected] == [(TEXT, {})]
            assert not prompt.optional


def test_what_is_asked_for_outside_the_world_is_none_of_its_words():
    words = vocabulary()
    lacks = defaultdict(set)
    for line in lines():
        if "lacks" in line:
            lacks[line["family"].rstrip("0123456789").partition("/")[2]].add(line["lacks"])

    assert set(lacks) == {"thing", "moving", "sounding", "colour", "count"}
    assert (lacks["thing"] | lacks["moving"]).isdisjoint(words.objects)
    assert lacks["sounding"].isdisjoint(words.sounds)
    assert lacks["colour"].isdisjoint(words.colours)
    assert lacks["count"].isdisjoint(words.counts)


def test_goals_are_of_groups_that_there_are(suite):
    groups = {prompt.direction for prompt in suite.prompts}

    for pattern in GOALS:
        direction = pattern.partition("/")[0]
        known = {*groups, "baseline", "perplexity"}
        assert any(fnmatchcase(group, direction) for group in known), pattern
    assert set(suite.baseline) <= groups
    assert all(isinstance(judge, Named) for judge in suite.judges.values())


def test_groups_can_be_asked_alone(suite):
    some = any2any_free(groups=["statement", "chat"])

    assert {p.direction for p in some.prompts} == {"statement", "chat"}
    assert [p.id for p in some.prompts] == [
        p.id for p in suite.prompts if p.direction in ("statement", "chat")
    ]
    with pytest.raises(ConfigError, match="no group 'statements'"):
        any2any_free(groups=["statements"])
