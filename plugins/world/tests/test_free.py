"""The suite any2any-free: whole as data, and in words of its own, which no training shares."""

import re
from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextgpt_registry.errors import ConfigError, RequestError, SourceError
from nextgpt_registry.suites import TEXT, Named
from nextgpt_world.chat import held_out, prompts
from nextgpt_world.cutting import clean, draw, trim
from nextgpt_world.data import Dialogues
from nextgpt_world.dialogues.wordings import wordings
from nextgpt_world.free import elsewhere as others
from nextgpt_world.free import requests
from nextgpt_world.free.requests import lines, scene
from nextgpt_world.free.suite import GOALS, any2any_free
from nextgpt_world.library import LIBRARY, STYLES, Library
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
        assert line["id"].startswith(f"{line['family']}/")
        assert line["family"].startswith(f"{line['group']}/")


def test_no_two_families_ask_the_same_words():
    asked = defaultdict(set)
    for line in lines():
        if texts(line) and line["group"] not in GIVEN:
            asked[skeleton(" ".join(texts(line)))].add((line["group"], line["family"]))
    alone = {words: families for words, families in asked.items() if len(words.split()) > 3}

    again = {words: families for words, families in alone.items() if len(families) > 1}
    assert again == {}


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


# Leaks: what is asked is compared with what training asks, things and their attributes aside.


@cache
def world_words():
    words = vocabulary()
    named = {
        *words.objects,
        *words.plurals.values(),
        *words.sounds,
        *words.colours,
        *words.counts,
        *words.places,
        *words.sizes,
        *words.repetitions,
        *("in the centre", "on the left", "on the right", "at the top", "at the bottom"),
        *(word for m in words.motions for word in (m, m.removesuffix("ing"))),
        *("move left", "move right", "spin", "jump"),
    }
    longest = sorted(named, key=len, reverse=True)
    return re.compile(rf"\b(?:an? )?(?:{'|'.join(map(re.escape, longest))})\b")


def skeleton(text):
    """`Draw a red cat, please.` -> `draw _ please`."""
    plain = re.sub(r"[^\w' ]+", " ", text.lower().replace("\n", " "))
    plain = world_words().sub("_", " ".join(plain.split()))
    return re.sub(r"_(?: _)+", "_", " ".join(plain.split()))


@cache
def trained():
    """Skeletons of all that training asks: of templates, and of chat."""
    fields = re.compile(r"\{\w+\}")
    templates = [t for g in wordings().values() for kind in g.values() for t in kind]
    return {skeleton(fields.sub(" cat ", t)) for t in templates} | {skeleton(p) for p in prompts()}


@cache
def said_in_training():
    """What users say in a sample of all stages' dialogues."""
    return {
        skeleton(line.text)
        for stage in ("encode", "decode", "instruct")
        for n in range(1_500)
        for line in Dialogues(stage).script(n).lines
        if line.role == "user"
    }


def grams(words, n=3):
    words = words.split()
    return {tuple(words[k : k + n]) for k in range(len(words) - n + 1)}


def test_no_request_has_the_words_of_a_training_template():
    asked = {skeleton(text): line["id"] for line in lines() for text in texts(line)}

    same = {words: asked[words] for words in asked.keys() & (trained() | said_in_training())}
    assert same == {}


def test_no_request_has_most_of_its_words_in_a_row_from_one_training_template():
    templates = [grams(words) for words in trained() | said_in_training()]
    close = {}
    for line in lines():
        for text in texts(line):
            own = grams(skeleton(text))
            shared = max((len(own & found) for found in templates), default=0)
            if len(own) > 2 and shared / len(own) > 0.6:
                close[text] = shared / len(own)

    assert close == {}


def test_the_leak_test_finds_a_leak():
    assert skeleton("Draw three cats on a red background.") == "draw _ on _ background"
    assert skeleton("Could I have an image showing a small dog, please?") not in trained()
    assert skeleton("Please draw a lion!") in trained()
    assert skeleton("What is an owl?") in trained()


def test_chat_is_none_that_is_trained_on_or_tested_elsewhere():
    asked = {text for line in lines() if line["group"] == "chat" for text in texts(line)}

    assert len(asked) >= 60
    assert asked.isdisjoint(prompts())
    assert asked.isdisjoint(held_out())


def test_nothing_that_trains_reads_media_by_other_hands():
    """The library that training draws from holds none, and no module elsewhere names them."""
    kept = {style for _, style in Library.load(LIBRARY).sprites}
    home = Path(requests.__file__).parent
    others_code = [p for p in Path(__file__).parents[3].glob("*/*/nextgpt_*/**/*.py")]

    assert kept == set(STYLES)
    assert kept.isdisjoint(others.PICTURES)
    assert len(others_code) > 100
    for path in others_code:
        if home not in path.parents:
            assert "nextgpt_world.free" not in path.read_text("utf-8"), path


# Media by other hands, without fetching them.


@pytest.fixture
def drawn(monkeypatch):
    """One thing in one other style; `timgm` cannot be had."""
    disc = '<circle r="4" cx="4.5" cy="4.5"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{disc}</svg>'
    sprite = trim(draw(svg))
    library = Library({(t, "twemoji"): sprite for t in vocabulary().objects}, {})
    gone = SourceError("timgm", "cannot be had", "go online")
    monkeypatch.setattr(
        requests, "elsewhere", lambda style: library if style == "twemoji" else gone
    )


def test_a_request_shows_its_medium_in_its_style(suite, drawn):
    prompt = next(p for p in suite.prompts if p.direction == "twemoji")

    [message] = prompt.request()
    [medium] = [part.media for part in message.media]

    assert medium.data.shape == (128, 128, 3)
    assert prompt.request() == (message,)


def test_media_that_cannot_be_had_leave_their_requests_out(suite, drawn):
    prompt = next(p for p in suite.prompts if p.direction == "timgm")

    with pytest.raises(RequestError, match="cannot be had"):
        prompt.request()


def test_a_drawing_is_cut_to_a_square_without_margins():
    wide = Image.new("RGBA", (64, 64))
    wide.paste((255, 0, 0, 255), (10, 30, 50, 40))

    cut = trim(wide)

    assert cut.shape == (96, 96, 4)
    rows, columns = np.nonzero(cut[..., 3] > 128)
    assert columns.min() == 0
    assert columns.max() == 95
    assert 20 <= rows.max() - rows.min() <= 26


def test_a_drawing_that_is_none_is_an_error():
    with pytest.raises(SourceError, match="cannot be drawn"):
        draw("no drawing")


def test_a_sound_loses_its_silent_ends():
    sound = np.concatenate([np.zeros(500), np.full(1000, 0.2), np.zeros(500)]).astype(np.float32)

    cut = clean(sound)

    assert len(cut) == 1000
    assert cut.max() == pytest.approx(0.9)


@pytest.mark.network
@pytest.mark.slow
def test_other_styles_and_another_soundfont_are_fetched_and_cut(tmp_path, monkeypatch):
    pytest.importorskip("tinysoundfont", reason="is installed by hand, without its dependencies")
    pictures, sounds = others.elsewhere("tuxpaint"), others.elsewhere("timgm")

    assert isinstance(pictures, Library), pictures
    assert isinstance(sounds, Library), sounds
    assert {style for _, style in pictures.sprites} == set(others.PICTURES)
    for line in lines():
        for medium in shown(line):
            if medium.get("style") in others.PICTURES:
                assert (medium["object"], medium["style"]) in pictures.sprites
            elif medium.get("style") in others.SOUNDS:
                assert sounds.sounds[medium["sound"]]
